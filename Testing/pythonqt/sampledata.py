"""``SampleData``: registration of sources, and their buttons in the Sample Data module."""

from __future__ import annotations

import types


class SampleDataSource:
    """As the real one: all lists as long as ``uris``, a text counts as a list of one."""

    def __init__(
        self, sampleName=None, uris=None, fileNames=None, nodeNames=None, customDownloader=None, thumbnailFileName=None
    ):
        if isinstance(uris, str):
            uris, fileNames, nodeNames = [uris], [fileNames], [nodeNames]
        nodeNames = [None] * len(uris) if nodeNames is None else nodeNames
        if not len(uris) == len(fileNames) == len(nodeNames):
            raise ValueError("All fields of sample data source must have the same length")
        self.sampleName, self.uris, self.fileNames, self.nodeNames = sampleName, uris, fileNames, nodeNames
        self.customDownloader, self.thumbnailFileName = customDownloader, thumbnailFileName


def module(slicer):
    """The module with a ``SampleDataLogic`` that keeps its sources in ``slicer.modules.sampleDataSources``."""
    slicer.modules.sampleDataSources = {}

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataSource(
            category="Custom",
            sampleName=None,
            uris=None,
            fileNames=None,
            nodeNames=None,
            customDownloader=None,
            thumbnailFileName=None,
            loadFileTypes=None,
            loadFiles=None,
            loadFileProperties=None,
            checksums=None,
            loadFileType=None,
        ):
            source = SampleDataSource(sampleName, uris, fileNames, nodeNames, customDownloader, thumbnailFileName)
            sources = slicer.modules.sampleDataSources.setdefault(category, [])
            if all(one.sampleName != sampleName for one in sources):
                sources.append(source)

    def click(sampleName):
        """What the sample's button does."""
        source = next(
            s for sources in slicer.modules.sampleDataSources.values() for s in sources if s.sampleName == sampleName
        )
        return source.customDownloader(source)

    sampleData = types.ModuleType("SampleData")
    sampleData.SampleDataLogic, sampleData.SampleDataSource, sampleData.click = SampleDataLogic, SampleDataSource, click
    return sampleData
