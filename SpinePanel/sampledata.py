"""Simulated patients in Slicer's Sample Data: drawn on this machine when asked for, nothing is downloaded."""

import logging

from SpinePanel.i18n import tr as _

CATEGORY = _("Spine Oncology")


def register(sample, names, load, thumbnail):
    """Put a sample's button into Sample Data; called once Slicer has started.

    Args:
        sample: its title.
        names: by file's name without ending the name of each volume node.
        load: makes the nodes; called with the source.
        thumbnail: path of a picture.
    """
    try:
        import SampleData
    except ImportError:  # Slicer was started without that module, and ours must load all the same.
        return

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=sample,
        # Names only: with a downloader of its own Sample Data opens no address.
        uris=[name.replace("simulated-", "simulated:", 1) for name in names],
        fileNames=[f"{name}.nrrd" for name in names],
        nodeNames=list(names.values()),
        customDownloader=load,
        thumbnailFileName=thumbnail,
    )


def simulated(load, doing, module):
    """The nodes that a simulation adds to the scene, the first one shown; none and a sentence where it fails.

    Args:
        load: simulates, gives the nodes.
        doing: sentence for the status bar.
        module: title of the module that installs what is missing.
    """
    import slicer

    from SpineLib.errors import SpineError

    try:
        slicer.util.showStatusMessage(doing, 3000)
        nodes = load()
    except ModuleNotFoundError as error:
        slicer.util.errorDisplay(
            _(
                "The simulation needs the Python package {name}, which is missing: open the module {module} and "
                "press Install in its section Set-up."
            ).format(name=error.name, module=module)
        )
        return []
    except (SpineError, ImportError) as error:
        logging.exception("the sample could not be simulated")
        slicer.util.errorDisplay(_("The sample could not be simulated: {error}").format(error=error))
        return []
    slicer.util.setSliceViewerLayers(background=nodes[0], fit=True)
    return nodes
