"""Start-up of the headless application: what ``qSlicerCoreApplication`` and the module factory do, in Python."""

from __future__ import annotations

import tempfile
import types
from importlib import metadata

import vtk

#: Real module names (as in ``slicer.modules``) and the class of their logic in slicer-core, in the order of loading.
MODULE_LOGICS = {
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Annotations": "vtkSlicerAnnotationModuleLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Data": "vtkSlicerDataModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Reformat": "vtkSlicerReformatLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "SceneViews": "vtkSlicerSceneViewsModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "ViewControllers": "vtkSlicerViewControllersLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
}


class HeadlessApplication:
    """The few calls of ``slicer.app`` that need no window."""

    def __init__(self, scene, logic):
        self._scene, self._logic = scene, logic
        self.temporaryPath = tempfile.gettempdir()
        self.applicationVersion = f"{metadata.version('slicer-core')}, slicer-core without its window"
        self.renderPaused = 0

    def mrmlScene(self):
        return self._scene

    def applicationLogic(self):
        return self._logic

    def coreIOManager(self):
        from .files import FileManager

        return FileManager(self._scene)

    def layoutManager(self):
        return None

    def testingEnabled(self):
        return True

    def processEvents(self):
        """No event loop, no events."""

    def pauseRender(self):
        self.renderPaused += 1

    def resumeRender(self):
        self.renderPaused -= 1


class HeadlessModule:
    """A loadable module as far as scripts use it without its panel: a name and a logic."""

    def __init__(self, name, logic):
        self.name, self.title, self._logic = name, name, logic

    def logic(self):
        return self._logic


def start():
    """Set the scene up once and return the ``slicer`` package, filled as in the application.

    Calling it again returns the same package and scene; it does not close the scene (see :func:`close_scene`).
    """
    import slicer

    if getattr(slicer, "mrmlScene", None) is not None:
        return slicer

    scene = slicer.vtkMRMLScene()
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetTemporaryPath(tempfile.gettempdir())
    logic.SetMRMLScene(scene)
    remote, data = slicer.vtkMRMLRemoteIOLogic(), slicer.vtkDataIOManagerLogic()
    # Scene bundles (.mrb) are unpacked here; the folder goes when Python exits.
    cache = tempfile.TemporaryDirectory(prefix="headless-slicer-")
    remote.GetCacheManager().SetRemoteCacheDirectory(cache.name)
    logic.SetMRMLSceneDataIO(scene, remote, data)

    slicer.mrmlScene = scene
    slicer.app = HeadlessApplication(scene, logic)
    slicer.app._kept = (remote, data, cache)  # MRML crashes when one of its logics is collected
    slicer.modules = types.SimpleNamespace()
    slicer.moduleNames = types.SimpleNamespace(**{name: name for name in MODULE_LOGICS})
    for name, class_name in MODULE_LOGICS.items():
        _load_module(slicer, name, getattr(slicer, class_name)())
    _add_views(slicer)
    _follow_in_subject_hierarchy(slicer)

    import slicer.util  # only now: it looks at the package when it is imported

    for function in ("getModule", "getModuleLogic"):
        setattr(slicer.util, function, getattr(_lookups(slicer), function))
        setattr(slicer, function, getattr(slicer.util, function))
    return slicer


def close_scene():
    """Empty the scene as File / Close Scene does: the views and singletons stay."""
    import slicer

    slicer.mrmlScene.Clear(0)


def _load_module(slicer, name, logic):
    if name == "Colors":
        slicer.app.applicationLogic().SetColorLogic(logic)
    logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
    # The package has no share folder: terminology and colour files that ship with the application are not there.
    vtk.vtkObject.GlobalWarningDisplayOff()
    logic.SetMRMLScene(slicer.mrmlScene)
    slicer.app.applicationLogic().SetModuleLogic(name, logic)
    if name == "Colors":
        logic.AddDefaultColorNodes()
        _add_generic_colours(slicer)
    vtk.vtkObject.GlobalWarningDisplayOn()
    setattr(slicer.modules, name.lower(), HeadlessModule(name, logic))


def _add_generic_colours(slicer):
    """The label colours that label volumes point to by default, with made-up colours."""
    node = slicer.vtkMRMLColorTableNode()
    node.SetTypeToFile()
    node.SetName("GenericColors")
    node.SetSingletonTag("FileGenericColors.txt")
    node.SetNumberOfColors(256)
    for index in range(256):
        node.SetColor(
            index, f"label {index}", (index * 37 % 256) / 255, (index * 91 % 256) / 255, 0.5, float(index > 0)
        )
    node.SaveWithSceneOff()
    slicer.mrmlScene.AddNode(node)


def _lookups(slicer):
    def get_module(name):
        try:
            return getattr(slicer.modules, name.lower())
        except AttributeError:
            raise RuntimeError(f"Could not find module with name '{name}'") from None

    def get_module_logic(module):
        return (get_module(module) if isinstance(module, str) else module).logic()

    return types.SimpleNamespace(getModule=get_module, getModuleLogic=get_module_logic)


def _add_views(slicer):
    """The slice and 3-D views of the conventional layout, as nodes; they survive closing the scene, as in Slicer."""
    for name, colour, orientation in (("Red", "R", "Axial"), ("Yellow", "Y", "Sagittal"), ("Green", "G", "Coronal")):
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSliceNode")
        node.UnRegister(None)  # CreateNodeByClass hands its reference over; without this the node leaks
        node.SetLayoutName(name)
        node.SetName(name)
        node.SetLayoutLabel(colour)
        node.SetSingletonTag(name)
        node.SetMappedInLayout(1)
        node.SetOrientation(orientation)
        slicer.mrmlScene.AddNode(node)
        composite = slicer.vtkMRMLSliceCompositeNode()
        composite.SetLayoutName(name)
        composite.SetSingletonTag(name)
        slicer.mrmlScene.AddNode(composite)
    view = slicer.vtkMRMLViewNode()
    view.SetSingletonTag("1")
    view.SetLayoutName("1")
    slicer.mrmlScene.AddNode(view)


def _follow_in_subject_hierarchy(slicer):
    """Keep the subject hierarchy as the application's ``qSlicerSubjectHierarchyPluginLogic`` (a Qt class) does."""
    hierarchy_node = slicer.vtkMRMLSubjectHierarchyNode
    shown = (slicer.vtkMRMLDisplayableNode, slicer.vtkMRMLTableNode, slicer.vtkMRMLTextNode)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def node_added(scene, event, node):
        if not scene.IsImporting() and isinstance(node, shown) and not node.GetHideFromEditors():
            hierarchy = hierarchy_node.GetSubjectHierarchyNode(scene)
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def node_about_to_be_removed(scene, event, node):
        if not scene.IsClosing() and isinstance(node, shown):
            hierarchy = hierarchy_node.GetSubjectHierarchyNode(scene)
            item = hierarchy.GetItemByDataNode(node)
            if item:
                hierarchy.RemoveItem(item, False, False)

    def resolve(scene, event):
        hierarchy = hierarchy_node.ResolveSubjectHierarchy(scene)
        for node in slicer.util.getNodesByClass("vtkMRMLNode"):
            if isinstance(node, shown) and not node.GetHideFromEditors() and not hierarchy.GetItemByDataNode(node):
                hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    scene = slicer.mrmlScene
    hierarchy_node.GetSubjectHierarchyNode(scene)
    scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, node_added)
    scene.AddObserver(slicer.vtkMRMLScene.NodeAboutToBeRemovedEvent, node_about_to_be_removed)
    scene.AddObserver(slicer.vtkMRMLScene.EndImportEvent, resolve)
    scene.AddObserver(slicer.vtkMRMLScene.EndCloseEvent, resolve)
