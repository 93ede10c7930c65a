"""SpineInpaint: the tutorial "repair a vertebra", the lesion drawn in the Segment Editor."""

import os

import numpy as np
import slicer

from walking import edits, life, samples
from walking.stage import Skipped

MODULE = "SpineInpaint"


def walk(stage):
    """All steps of the module."""
    found = {}

    def widget():
        return stage.widget(MODULE)

    def ui():
        return widget().ui

    def node():
        return widget().logic.getParameterNode()

    def run(name, what, elsewhere=False):
        button = getattr(ui(), f"{name}ApplyButton")
        stage.expect(button.enabled, f"{what} cannot be pressed: {button.toolTip}")
        button.click()
        if elsewhere:
            stage.select("Data")
        stage.wait(lambda: not widget().panel.jobs.busy, f"{what} ends")
        if elsewhere:
            stage.select(MODULE)
        stage.pass_time(0.5)
        return getattr(ui(), f"{name}StatusLabel").text

    def open_empty():
        stage.select(MODULE)
        for name in ("vertebrae", "lesion", "repair", "model"):
            button = getattr(ui(), f"{name}ApplyButton")
            stage.expect(not button.enabled and button.toolTip, f"{button.name} says what it waits for")

    def load():
        found.update(samples.repair(stage.data))

    def taken_up():
        stage.taken_up(ui(), {"ctSelector": found["ct"], "vertebraeSelector": found["vertebrae"]})
        stage.wait(lambda: ui().vertebraeTable.rowCount > 1, "they are listed", 10)
        return ui().vertebraeSection.text

    def detect():
        if not ui().lesionApplyButton.enabled:
            raise Skipped(ui().lesionApplyButton.toolTip)
        return run("lesion", "Detect")

    def draw():
        """The middle of the true lesion, as a reader would paint it."""
        ui().roiSelector.setCurrentNode(None)
        segment = found["lesion"].GetSegmentation().GetNthSegmentID(0)
        centre = found["lesion"].GetSegmentCenterRAS(segment)
        ui().drawLesionButton.click()
        stage.pass_time(0.5)
        stage.expect(slicer.util.selectedModule() == "SegmentEditor", "the Segment Editor is shown")
        edits.paint(found["ct"], centre, 7.0)
        stage.pass_time(1.0)
        stage.select(MODULE)
        affected = _affected(found["vertebrae"], found["ct"], centre)
        stage.wait(lambda: ui().vertebraCombo.currentText == affected, f"the vertebra {affected} is offered", 10)
        return f"{affected} is offered"

    def truth():
        """The lesion as it is, for the repair."""
        ui().lesionSelector.setCurrentNode(found["lesion"])
        stage.pass_time(0.5)
        return ui().lesionSection.text

    def repair():
        said = run("repair", "Repair", elsewhere=True)
        stage.expect(node().repaired is not None and said.startswith("Repaired"), said)
        display = node().repaired.GetDisplayNode()
        stage.expect(display.GetVisibility2DOutline() and not display.GetVisibility2DFill(), "outlines are shown")
        return said

    def outdated():
        ui().editLesionButton.click()
        stage.pass_time(0.5)
        before, after = edits.margin(3.0)
        stage.expect(after > before, "the effect has grown the lesion")
        stage.select(MODULE)
        stage.wait(lambda: "out of date" in ui().repairSection.text, "the repair says that it is out of date", 10)

    def again():
        return run("repair", "Repair")

    def build():
        said = run("model", "Build")
        stage.expect(node().model is not None, said)
        stage.expect(ui().checksTable.rowCount > 5, "checks are listed")
        return said

    def camera():
        bounds = np.zeros(6)
        models = [one for one in slicer.util.getNodesByClass("vtkMRMLModelNode") if "model" in one.GetName()]
        stage.expect(models, "there is a model")
        models[0].GetRASBounds(bounds)
        size = np.linalg.norm(bounds[1::2] - bounds[::2])
        view = slicer.app.layoutManager().threeDWidget(0).threeDView()
        camera = view.renderWindow().GetRenderers().GetFirstRenderer().GetActiveCamera()
        seen = 2 * camera.GetDistance() * np.tan(np.radians(camera.GetViewAngle() / 2))
        stage.expect(size / 2 < seen < 3 * size, f"a model of {size:.0f} mm in a view of {seen:.0f} mm")

    def plain_before():
        for one in slicer.util.getNodesByClass("vtkMRMLModelNode"):
            if "before" in one.GetName():
                stage.expect(not one.GetDisplayNode().GetScalarVisibility(), f"{one.GetName()} is painted")

    def thickness():
        ui().paintCombo.currentIndex = 1
        ui().paintCombo.activated(1)
        stage.pass_time(0.5)

    def export():
        """Without its ending; a file of that name is there."""
        if not ui().exportButton.enabled:
            raise Skipped(ui().exportButton.toolTip)
        step = widget().panel.model
        if not hasattr(step, "_askPath"):
            raise Skipped("the panel's dialog cannot be answered from a script")
        path = os.path.join(stage.record.folder, "vertebra")
        with open(f"{path}.stl", "wb") as file:
            file.write(b"somebody's file")
        step._askPath = lambda *arguments: path
        try:
            ui().formatCombo.currentIndex = 0
            ui().formatCombo.activated(0)
            ui().exportButton.click()
            stage.wait(lambda: not widget().panel.jobs.busy, "the export ends")
        finally:
            del step._askPath
        stage.expect(stage.asked, "the file was overwritten without a question")
        stage.expect(os.path.getsize(f"{path}.stl") > 1000, ui().modelStatusLabel.text)
        return ui().modelStatusLabel.text

    stage.step("open the module on an empty scene", open_empty)
    stage.step("load the sample while the module is shown", load)
    stage.step("the CT and its vertebrae are taken up", taken_up)
    stage.step("detect lesions", detect)
    stage.step("draw a lesion in the Segment Editor: its vertebra is offered", draw)
    stage.step("choose the true lesion", truth)
    stage.step("a repair that ends while another module is shown", repair)
    stage.step("correct the lesion in the Segment Editor: out of date", outdated)
    stage.step("repair again", again)
    stage.step("build the model", build)
    stage.step("the model fills the 3-D view", camera, picture=False)
    stage.step("the vertebra before is plain", plain_before, picture=False)
    stage.step("paint the wall's thickness", thickness)
    stage.step("export without an ending: a file that is there is asked about", export)
    life.walk(stage, MODULE, lambda panel: panel.ui.repairApplyButton)


def _affected(vertebrae, ct, centre):
    """Name of the vertebra whose middle is nearest to a place, RAS mm, as the panel lists it."""
    from SpineLib.scene.vertebrae import collect_vertebrae

    places = {one.name: one.centre_ras_mm for one in collect_vertebrae(vertebrae).segments if one.centre_ras_mm}
    return min(places, key=lambda name: np.linalg.norm(np.subtract(places[name], centre)))
