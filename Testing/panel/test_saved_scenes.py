"""A saved scene comes back with all that was chosen, whether the module is shown meanwhile or not.

The parameter node is written into the scene's file where it was made: before the volumes when the module was opened
first. While such a file is read the node is modified before its volumes are there (``real-events.md``).
"""

from types import SimpleNamespace

import numpy as np
import pytest

from Testing.panel.patients import draw
from Testing.pythonqt import parameternode


def choices(node):
    """All parameters as text: nodes by name, so that another id after an import counts as the same."""
    values = {name: getattr(node, name) for name in node.allParameters}
    inner = node.parameterNode
    roles = [inner.GetNthNodeReferenceRole(n) for n in range(inner.GetNumberOfNodeReferenceRoles())]
    values |= {role: inner.GetNodeReference(role) for role in roles if role not in values}
    return {
        name: value.GetName() if hasattr(value, "GetName") else value
        for name, value in values.items()
        if value not in (None, "")
    }


def shown(widget):
    """Names of the nodes that the panel's selectors show, by parameter."""
    found = {}
    for one in vars(widget.ui).values():
        parameter = None
        if hasattr(one, "currentNode"):
            parameter = one.property("SlicerParameterName") or one.objectName.removesuffix("Selector")
        if parameter and one.currentNode() is not None:
            found[parameter] = one.currentNode().GetName()
    return found


def metastases(desktop):
    from SpineMetSegLib.selftest import phantomNodes

    t1, t2, _ = phantomNodes()
    lesions, reference = (draw(t1, name, (24, 15, 13), (8, 4, 4)) for name in ("lesions", "by a reader"))
    return {"T1": t1, "T2": t2, "result": lesions, "reference": reference, "detectImage": t2, "threshold": 0.33,
            "model": "bright-spots-2d", "smallestLesion": 1.5, "candidateThreshold": 0.7}  # fmt: skip


def follow_up(desktop):
    import slicer

    from SpineNecrosisLib.selftest import METASTASIS, NECROSIS, SHIFT_MM, phantomNodes

    before, after = phantomNodes()
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "by hand")
    return {"beforeT2": before, "afterCeT1": after, "metastasis": draw(before, "metastasis", *METASTASIS),
            "necrosis": draw(after, "zone", np.add(NECROSIS[0], SHIFT_MM), NECROSIS[1]), "transform": transform,
            "requiredMargin": 5.0, "fade": 0.25, "autoUpdate": True, "folder": "reports"}  # fmt: skip


def repair(desktop):
    from SpineInpaintLib.selftest import phantomNodes

    ct, vertebrae, lesion = phantomNodes()
    return {"ct": ct, "vertebrae": vertebrae, "lesion": lesion, "repaired": vertebrae, "method": "templates",
            "scale": 50.0, "smallestWall": 1.2, "cut": "body", "space": "RAS", "format": "3mf"}  # fmt: skip


@pytest.fixture(params=["SpineMetSeg", "SpineNecrosis", "SpineInpaint"])
def saved(request, desktop, necrosis, inpaint, tmp_path):
    """A scene whose module was opened first, then its images were loaded, chosen, and all was saved."""
    desktop.slicer.mrmlScene.Clear(0)
    widget = desktop.open_panel(request.param)
    make = {"SpineMetSeg": metastases, "SpineNecrosis": follow_up, "SpineInpaint": repair}[request.param]
    for name, value in make(desktop).items():
        if name in ("T1", "T2"):
            from SpinePanel.inputs import setImage

            setImage(widget._parameterNode, name, value)
        else:
            setattr(widget._parameterNode, name, value)
    desktop.wait(lambda: False, 0.2)
    desktop.save_scene(tmp_path / "scene.mrb")
    yield SimpleNamespace(
        module=request.param,
        widget=widget,
        path=tmp_path / "scene.mrb",
        choices=choices(widget._parameterNode),
        shown=shown(widget),
    )
    desktop.close_panel(request.param)
    errors, desktop.errors[:] = list(desktop.errors), []
    assert not errors


def test_what_was_chosen_is_in_the_panel_to_begin_with(saved):
    assert len(saved.shown) >= 4 and len(saved.choices) >= 9


def test_a_scene_opened_while_the_module_is_shown_is_shown(saved, desktop):
    desktop.open_scene(saved.path)
    assert choices(saved.widget._parameterNode) == saved.choices
    assert shown(saved.widget) == saved.shown


def test_a_scene_opened_while_the_module_is_shown_keeps_its_settings_at_the_next_change(saved, desktop):
    import slicer

    desktop.open_scene(saved.path)
    slicer.mrmlScene.GetSingletonNode(saved.module, "vtkMRMLScriptedModuleNode").Modified()
    desktop.wait(lambda: False, 0.2)
    assert choices(saved.widget._parameterNode) == saved.choices


@pytest.mark.parametrize("returns_tag", [True, False], ids=["Slicer 5.12", "no tag, as up to Slicer 5.8"])
def test_a_second_scene_shows_what_was_chosen_in_it(saved, desktop, tmp_path, monkeypatch, returns_tag):
    monkeypatch.setattr(parameternode, "RETURNS_TAG", returns_tag)
    for _ in range(3):  # as many wrappers of the node as times that the module was entered
        desktop.select("Data")
        desktop.select(saved.module)
    desktop.open_scene(saved.path)
    desktop.slicer.mrmlScene.Clear(0)
    assert not shown(saved.widget)
    desktop.open_scene(saved.path)
    assert choices(saved.widget._parameterNode) == saved.choices
    assert shown(saved.widget) == saved.shown


def test_a_scene_opened_while_another_module_is_shown_is_there_on_coming_back(saved, desktop):
    desktop.select("Data")
    desktop.open_scene(saved.path)
    desktop.select(saved.module)
    assert choices(saved.widget._parameterNode) == saved.choices
    assert shown(saved.widget) == saved.shown


def test_a_scene_opened_before_the_module_was_ever_shown_is_there_when_it_opens(saved, desktop):
    desktop.close_panel(saved.module)
    desktop.open_scene(saved.path)
    widget = desktop.open_panel(saved.module)
    assert choices(widget._parameterNode) == saved.choices
    assert shown(widget) == saved.shown


def test_a_scene_read_into_the_one_that_is_open_brings_its_choices_with_it(saved, desktop):
    desktop.slicer.mrmlScene.Clear(0)
    desktop.slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.float32), name="another image")
    desktop.slicer.util.loadScene(str(saved.path), {"clear": False})
    assert choices(saved.widget._parameterNode) == saved.choices
    assert shown(saved.widget) == saved.shown


def test_reading_a_scene_writes_nothing_into_the_parameter_node(saved, desktop):
    """What the panel writes while the images are not there yet would be saved with the next scene."""
    import slicer

    def parameters():
        node = slicer.mrmlScene.GetSingletonNode(saved.module, "vtkMRMLScriptedModuleNode")
        return {name: node.GetParameter(name) for name in node.GetParameterNames()}

    before = parameters()
    desktop.open_scene(saved.path)
    desktop.wait(lambda: False, 0.2)
    assert parameters() == before
