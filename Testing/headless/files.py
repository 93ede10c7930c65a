"""Reading and writing of nodes and scenes for ``slicer.util.loadNodeFromFile``, ``saveNode``, ``saveScene``.

Stands in for ``qSlicerCoreIOManager`` with the same file types and the same storage nodes and logics underneath.
"""

from __future__ import annotations

import os

import slicer

_SUFFIXES = (
    ((".mrml", ".mrb"), "SceneFile"),
    ((".seg.nrrd", ".seg.nhdr"), "SegmentationFile"),
    ((".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd"), "VolumeFile"),
    ((".tsv", ".csv"), "TableFile"),
    ((".stl", ".obj", ".ply", ".vtk", ".vtp"), "ModelFile"),
    ((".mrk.json", ".fcsv"), "MarkupsFile"),
    ((".h5", ".tfm"), "TransformFile"),
    ((".term.json",), "TerminologyFile"),
)


class FileManager:
    """The calls of ``slicer.app.coreIOManager()`` that ``slicer.util`` makes."""

    def __init__(self, scene):
        self._scene = scene

    def fileType(self, path):
        for suffixes, file_type in _SUFFIXES:
            if str(path).lower().endswith(suffixes):
                return file_type
        return "NoFile"

    def fileWriterFileType(self, node):
        return type(node).__name__

    def loadNodes(self, file_type, properties, loaded, messages=None):
        path = str(properties["fileName"])
        if not os.path.isfile(path):
            return False
        if file_type == "SceneFile":
            return self._load_scene(path, bool(properties.get("clear", False)))
        node = self._load_node(file_type, path, properties)
        if node is None:
            return False
        if properties.get("name"):
            node.SetName(properties["name"])
        if loaded is not None:
            loaded.AddItem(node)
        return True

    def saveNodes(self, file_type, properties, messages=None):
        path = str(properties["fileName"])
        if path.lower().endswith(".mrb"):
            return bool(self._scene.WriteToMRB(path))
        if path.lower().endswith(".mrml"):
            self._scene.SetURL(path)
            return bool(self._scene.Commit())
        node = self._scene.GetNodeByID(properties["nodeID"])
        if not node.GetStorageNode() and not node.AddDefaultStorageNode():
            return False
        node.GetStorageNode().SetFileName(path)
        return bool(node.GetStorageNode().WriteData(node))

    def _load_scene(self, path, clear):
        if path.lower().endswith(".mrb"):
            return bool(self._scene.ReadFromMRB(path, clear))
        self._scene.SetURL(path)
        return bool(self._scene.Connect() if clear else self._scene.Import())

    def _load_node(self, file_type, path, properties):
        name = os.path.basename(path).split(".")[0]
        logics = slicer.modules
        if file_type == "VolumeFile":
            return logics.volumes.logic().AddArchetypeVolume(path, name, int(bool(properties.get("labelmap"))))
        if file_type == "SegmentationFile":
            return logics.segmentations.logic().LoadSegmentationFromFile(path, True, name)
        if file_type == "TableFile":
            return logics.tables.logic().AddTable(path, name)
        if file_type == "ModelFile":
            return logics.models.logic().AddModel(path)
        if file_type == "TransformFile":
            return logics.transforms.logic().AddTransform(path, self._scene)
        if file_type == "MarkupsFile":
            return self._scene.GetNodeByID(logics.markups.logic().LoadMarkups(path, name) or "")
        return None
