"""What every panel has to stand, whatever it does: other modules shown, scenes saved, cleared and opened, a reload."""

import os

import slicer

from walking.dressing import squeezed
from walking.stage import Skipped

_OTHERS = ("Data", "Volumes", "SegmentEditor", "Transforms", "Models")
_SELECTOR = "qMRMLNodeComboBox"


def chosen(widget):
    """Names of the nodes that the panel's selectors show, by the selector's name."""
    found = {}
    for name, one in vars(widget.ui).items():
        if name.endswith("Selector") and one.className() == _SELECTOR and one.currentNode() is not None:
            found[name] = one.currentNode().GetName()
    return found


def references(module):
    """What the module's parameter node refers to in the scene, by role, and its other values: as saved."""
    node = slicer.mrmlScene.GetSingletonNode(module, "vtkMRMLScriptedModuleNode")
    if node is None:
        return {}
    found = {name: node.GetParameter(name) for name in node.GetParameterNames() if node.GetParameter(name)}
    roles = []
    node.GetNodeReferenceRoles(roles)
    for role in roles:
        if node.GetNodeReference(role) is not None:
            found[f"node {role}"] = node.GetNodeReference(role).GetName()
    return found


def differences(before, after):
    """Where two mappings differ, as text; "" where they do not."""
    keys = sorted(set(before) | set(after))
    return "; ".join(
        f"{key}: {before.get(key)} became {after.get(key)}" for key in keys if before.get(key) != after.get(key)
    )


def walk(stage, module, button=None):
    """The steps.

    Args:
        stage: :class:`walking.stage.Stage`; the module is shown, with what the tutorial's way has brought.
        module: its name.
        button: callable of the Python widget: a button that must be enabled once all is back; None: none.
    """
    path = os.path.join(stage.record.folder, f"{module}.mrb")
    kept = {}

    def switch():
        for _ in range(2):
            for other in _OTHERS:
                stage.select(other)
                stage.select(module)
        widget = stage.widget(module)
        for name, section in vars(widget.ui).items():
            if name.endswith("Section") and section.className() == "ctkCollapsibleButton":
                section.collapsed = name in ("setupSection", "logSection")
        stage.pass_time(0.5)
        found = squeezed(widget)
        stage.expect(not found, "; ".join(found))

    def save():
        stage.select(module)
        kept["shown"], kept["saved"] = chosen(stage.widget(module)), references(module)
        stage.expect(kept["shown"], "the panel shows no node at all")
        stage.expect(slicer.util.saveScene(path), "the scene was not saved")
        return f"{os.path.getsize(path) / 1e6:.1f} MB"

    def clear():
        slicer.mrmlScene.Clear(0)
        stage.pass_time(0.5)
        left = chosen(stage.widget(module))
        stage.expect(not left, f"still chosen: {left}")

    def open_scene(other=None):
        if not os.path.isfile(path):
            raise Skipped("no scene was saved")
        if other:
            stage.select(other)
        slicer.util.loadScene(path, {"clear": True})
        stage.pass_time(1.0)
        if other:
            stage.select(module)
        stage.pass_time(0.5)
        shown = differences(kept["shown"], chosen(stage.widget(module)))
        stage.expect(not shown, f"shown otherwise: {shown}")
        saved = differences(kept["saved"], references(module))
        stage.expect(not saved, f"kept otherwise: {saved}")
        if button is not None:
            stage.wait(lambda: button(stage.widget(module)).enabled, "the button is enabled again", 30)

    def reload():
        before = chosen(stage.widget(module))
        slicer.util.reloadScriptedModule(module)
        stage.select("Data")
        stage.select(module)
        after = differences(before, chosen(stage.widget(module)))
        stage.expect(not after, after)

    stage.step("ten times another module, all sections open: nothing is squeezed", switch)
    stage.step("save the scene", save, picture=False)
    stage.step("open it over itself while the module is shown", open_scene)
    stage.step("close the scene: the panel is empty", clear)
    stage.step("open it while the module is shown", open_scene)
    stage.step("open it while another module is shown", lambda: open_scene("Data"))
    stage.step("reload the module", reload)
