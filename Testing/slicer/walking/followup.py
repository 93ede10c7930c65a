"""SpineNecrosis: the tutorial "follow up an ablation", with corrections and a hardened registration."""

import os

import numpy as np
import slicer

from walking import edits, life, samples
from walking.stage import Skipped

MODULE = "SpineNecrosis"


def walk(stage):
    """All steps of the module."""
    found = {}

    def widget():
        return stage.widget(MODULE)

    def ui():
        return widget().ui

    def node():
        return widget().logic.getParameterNode()

    def run(name, what):
        button = getattr(ui(), f"{name}ApplyButton")
        stage.expect(button.enabled, f"{what} cannot be pressed: {button.toolTip}")
        button.click()
        stage.wait(lambda: not widget().panel.jobs.busy, f"{what} ends")
        stage.pass_time(0.5)
        return getattr(ui(), f"{name}StatusLabel").text

    def measures():
        table = ui().measuresTable
        return [table.item(row, 1).text() for row in range(table.rowCount)]

    def composites():
        return [
            (one.GetBackgroundVolumeID(), one.GetForegroundVolumeID())
            for one in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        ]

    def open_empty():
        stage.select(MODULE)
        for name in ("before", "register", "necrosis", "compare", "report"):
            button = getattr(ui(), f"{name}ApplyButton")
            stage.expect(not button.enabled and button.toolTip, f"{button.name} says what it waits for")

    def load():
        found.update(samples.followup(stage.data))

    def taken_up():
        names = [name for name in ("beforeT1", "beforeT2", "afterCeT1", "afterT2") if name in found]
        stage.taken_up(ui(), {f"{name}Selector": found[name] for name in names})

    def choose_treated():
        ui().metastasisSelector.setCurrentNode(found["metastasis"])
        stage.pass_time(0.3)
        segments = found["metastasis"].GetSegmentation()
        node().metastasisSegment = segments.GetNthSegmentID(segments.GetNumberOfSegments() - 1)  # drawn last
        stage.pass_time(0.3)
        return ui().beforeSection.text

    def register():
        said = run("register", "Register")
        stage.expect(node().transform is not None, said)
        stage.expect(found["afterCeT1"].GetParentTransformNode() is not None, "the scan after lies under it")
        return f"{said} {ui().qualityLabel.text}"

    def fade():
        before = composites()
        for _ in range(2):
            for box in (ui().fadeCheckBox, ui().checkerCheckBox):
                box.click()
                stage.pass_time(0.5)
                stage.expect(composites() != before, f"{box.name} changes the views")
                box.click()
                stage.pass_time(0.3)
                stage.expect(composites() == before, f"{box.name} gives the views back")
        ui().fadeCheckBox.click()  # for the picture
        stage.pass_time(0.5)

    def unfade():
        ui().fadeCheckBox.click()
        stage.pass_time(0.3)

    def handles():
        ui().handlesButton.click()
        stage.pass_time(0.5)
        transform = node().transform
        stage.expect(transform.GetDisplayNode().GetEditorVisibility(), "handles are shown")
        matrix = slicer.util.arrayFromTransformMatrix(transform)
        centre = (matrix @ np.append(transform.GetCenterOfTransformation(), 1.0))[:3]
        bounds = np.zeros(6)
        found["metastasis"].GetRASBounds(bounds)
        stage.expect(
            (centre >= bounds[::2] - 20).all() and (centre <= bounds[1::2] + 20).all(),
            f"they stand at {centre.round()}",
        )

    def unhandle():
        ui().handlesButton.click()
        stage.pass_time(0.3)
        stage.expect(not node().transform.GetDisplayNode().GetEditorVisibility(), "handles are hidden")

    def necrosis():
        if not ui().necrosisApplyButton.enabled:
            ui().necrosisSelector.setCurrentNode(found["necrosis"])
            raise Skipped(f"{ui().necrosisApplyButton.toolTip} The true necrosis is taken.")
        said = run("necrosis", "Segment necrosis")
        if node().necrosis is None or not node().necrosis.GetSegmentation().GetNumberOfSegments():
            ui().necrosisSelector.setCurrentNode(found["necrosis"])
            return f"{said} The true necrosis is taken."
        segments = node().necrosis.GetSegmentation()
        if not node().necrosisSegment:
            node().necrosisSegment = segments.GetNthSegmentID(0)
            stage.pass_time(0.3)
        return said

    def compare():
        said = run("compare", "Compare")
        stage.expect(node().comparison is not None, said)
        stage.expect("✓" in ui().compareSection.text and ui().measuresTable.rowCount > 10, ui().compareSection.text)
        return f"{ui().verdictLabel.text} {said}"

    def colours():
        if stage.data == "phantom":
            raise Skipped("both were drawn by hand, in Slicer's own colours")
        segments = [
            getattr(node(), name).GetSegmentation().GetSegment(getattr(node(), f"{name}Segment"))
            for name in ("metastasis", "necrosis")
        ]
        one, other = (np.array(segment.GetColor()) for segment in segments)
        stage.expect(np.abs(one - other).max() > 0.3, f"both outlines are {one.round(2)}")

    def histogram():
        before = slicer.app.layoutManager().layout
        ui().chartButton.click()
        stage.pass_time(1.0)
        stage.expect(slicer.app.layoutManager().plotViewCount > 0, "the layout has a chart")
        found["layout"] = before

    def show():
        ui().showButton.click()
        stage.pass_time(1.0)
        stage.expect(slicer.app.layoutManager().threeDViewCount > 0, "the layout has a 3-D view again")

    def correct():
        found["told"] = measures()
        ui().editNecrosisButton.click()
        stage.pass_time(0.5)
        stage.expect(slicer.util.selectedModule() == "SegmentEditor", "the Segment Editor is shown")
        before, after = edits.margin(-2.0)
        stage.expect(after < before, "the effect has shrunk the necrosis")
        stage.pass_time(1.0)
        stage.select(MODULE)
        stage.wait(lambda: "out of date" in ui().compareSection.text, "the comparison says that it is out of date", 10)

    def update():
        stage.expect(ui().updateButton.enabled, "Update can be pressed")
        ui().updateButton.click()
        stage.wait(lambda: not widget().panel.jobs.busy, "the update ends")
        stage.pass_time(0.5)
        stage.expect("out of date" not in ui().compareSection.text, ui().compareSection.text)
        stage.expect(measures() != found.get("told"), "the measures are others")
        return ui().verdictLabel.text

    def by_itself():
        told = measures()
        ui().autoCheckBox.checked = True
        stage.select("Transforms")
        matrix = slicer.util.arrayFromTransformMatrix(node().transform)
        matrix[2, 3] += 3.0
        slicer.util.updateTransformMatrixFromArray(node().transform, matrix)
        stage.pass_time(1.0)
        stage.select(MODULE)
        stage.wait(lambda: measures() != told, "the comparison is renewed by itself", 120)
        matrix[2, 3] -= 3.0
        slicer.util.updateTransformMatrixFromArray(node().transform, matrix)
        stage.wait(lambda: measures() == told, "and again", 120)
        ui().autoCheckBox.checked = False

    def report():
        ui().reportSection.collapsed = False
        ui().folderEdit.text = os.path.join(stage.record.folder, "report")
        stage.pass_time(0.3)
        said = run("report", "the report")
        stage.expect(os.path.isfile(os.path.join(stage.record.folder, "report", "report.html")), said)
        return said

    def harden():
        told = ui().verdictLabel.text
        place = np.zeros(6)
        for one in (node().afterCeT1, node().afterT2, node().necrosis):
            if one is not None and one.GetParentTransformNode() is not None:
                one.HardenTransform()
        node().afterCeT1.GetRASBounds(place)
        stage.pass_time(1.5)
        said = " ".join((ui().registerStatusLabel.text, ui().qualityLabel.text, ui().compareStatusLabel.text))
        stage.expect("None" in said, f"nothing says what to do: {said}")
        ui().transformSelector.setCurrentNode(None)
        stage.pass_time(1.0)
        run("compare", "Compare")
        now = np.zeros(6)
        node().afterCeT1.GetRASBounds(now)
        stage.expect(np.allclose(place, now, atol=0.1), "the scan after was moved a second time")
        return f"{told} became {ui().verdictLabel.text}"

    stage.step("open the module on an empty scene", open_empty)
    stage.step("load the sample while the module is shown", load)
    stage.step("the scans are taken up", taken_up)
    stage.step("choose the treated metastasis", choose_treated)
    stage.step("register", register)
    stage.step("fade and checkerboard, each twice", fade)
    stage.step("the views as they were", unfade, picture=False)
    stage.step("handles at the metastasis", handles)
    stage.step("no handles", unhandle, picture=False)
    stage.step("segment the necrosis", necrosis)
    stage.step("compare", compare)
    stage.step("metastasis and necrosis differ in colour", colours, picture=False)
    stage.step("show the histogram", histogram)
    stage.step("show in the views: the 3-D view is back", show)
    stage.step("correct the necrosis in the Segment Editor: out of date", correct)
    stage.step("update", update)
    stage.step("move the transform in Transforms: renewed by itself", by_itself)
    stage.step("write the report", report)
    life.walk(stage, MODULE, lambda panel: panel.ui.compareApplyButton)
    stage.step("harden the registration: said, and not applied twice", harden)
