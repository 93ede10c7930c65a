"""SpineMetSeg: the tutorial "segment a patient", with corrections."""

import slicer

from walking import edits, life, samples
from walking.stage import Skipped

MODULE = "SpineMetSeg"


def walk(stage):
    """All steps of the module."""
    found = {}

    def widget():
        return stage.widget(MODULE)

    def ui():
        return widget().ui

    def run(button, name):
        stage.expect(button.enabled, f"{name} cannot be pressed: {button.toolTip}")
        button.click()
        stage.wait(lambda: not widget().panel.jobs.busy, f"{name} ends")
        stage.pass_time(0.5)

    def open_empty():
        stage.select(MODULE)
        stage.expect(not ui().segmentApplyButton.enabled, "without an image there is nothing to segment")
        stage.expect(ui().segmentApplyButton.toolTip, "it says why")

    def load():
        found.update(samples.metastases(stage.data))

    def taken_up():
        stage.taken_up(ui(), {"t1Selector": found["t1"], "t2Selector": found["t2"]})
        models = [ui().modelCombo.itemText(n) for n in range(ui().modelCombo.count)]
        return f"models: {', '.join(models)}"

    def segment():
        run(ui().segmentApplyButton, "Segment")
        node = widget().logic.getParameterNode().result
        stage.expect(node is not None, ui().segmentStatusLabel.text)
        stage.expect(
            ui().lesionTable.rowCount == node.GetSegmentation().GetNumberOfSegments() > 0, "the table lists all"
        )
        return ui().segmentStatusLabel.text

    def look():
        table = ui().lesionTable
        table.setCurrentCell(0, 0)
        table.cellClicked(0, 0)
        stage.pass_time(0.5)
        return ui().summaryLabel.text

    def correct():
        ui().lesionTable.setCurrentCell(0, 0)
        before = float(ui().lesionTable.item(0, 3).text())
        ui().editButton.click()
        stage.pass_time(0.5)
        stage.expect(slicer.util.selectedModule() == "SegmentEditor", "the Segment Editor is shown")
        smaller, after = edits.margin(-2.0)
        stage.expect(after < smaller, "the effect has shrunk the lesion")
        stage.pass_time(1.0)
        stage.select(MODULE)
        stage.wait(lambda: float(ui().lesionTable.item(0, 3).text()) < before, "the table tells the new volume", 10)
        return f"{before} ml became {ui().lesionTable.item(0, 3).text()} ml"

    def compare():
        ui().compareSection.collapsed = False
        ui().referenceSelector.setCurrentNode(found["truth"])
        stage.pass_time(0.2)
        ui().compareButton.click()
        stage.wait(lambda: "Dice" in ui().compareStatusLabel.text, "Dice is told", 60)
        return ui().compareStatusLabel.text

    def detect():
        ui().detectSection.collapsed = False
        ui().detectSelector.setCurrentNode(found["t2"])
        stage.pass_time(0.3)
        if not ui().detectApplyButton.enabled and "installed" in ui().detectApplyButton.toolTip:
            raise Skipped(ui().detectApplyButton.toolTip)
        run(ui().detectApplyButton, "Detect")
        stage.expect(widget().logic.getParameterNode().likelihood is not None, ui().detectStatusLabel.text)
        return ui().candidatesLabel.text

    def threshold():
        table = ui().candidateTable
        if not table.rowCount:
            raise Skipped("no place was found")
        table.setCurrentCell(0, 0)
        table.cellClicked(0, 0)
        place = table.item(0, 2).text()
        ui().candidateSlider.value = max(ui().candidateSlider.value - 0.1, 0.05)
        stage.pass_time(0.5)
        row = table.currentRow()
        stage.expect(row < 0 or table.item(row, 2).text() >= place, "another place is chosen than before")
        return ui().candidatesLabel.text

    def segment_place():
        table = ui().candidateTable
        if not table.rowCount:
            raise Skipped("no place was found")
        table.setCurrentCell(0, 0)
        run(ui().segmentCandidateButton, "Segment this candidate")
        return ui().detectStatusLabel.text

    def elsewhere():
        """A run whose end the user does not see."""
        ui().segmentApplyButton.click()
        stage.select("Data")
        stage.wait(lambda: not widget().panel.jobs.busy, "the run ends")
        stage.select(MODULE)
        stage.expect(ui().lesionTable.rowCount > 0, ui().segmentStatusLabel.text)
        return ui().segmentStatusLabel.text

    def cancel():
        ui().segmentApplyButton.click()
        stage.pass_time(1.0)
        nodes = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
        ui().segmentCancelButton.click()
        stage.wait(lambda: not widget().panel.jobs.busy, "the run is cancelled", 30)
        stage.expect(
            slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == nodes, "the scene is as before"
        )
        return ui().segmentStatusLabel.text

    stage.step("open the module on an empty scene", open_empty)
    stage.step("load the sample while the module is shown", load)
    stage.step("T1 and T2 are taken up, models that fit are offered", taken_up)
    stage.step("segment", segment)
    stage.step("click a lesion: the views jump", look)
    stage.step("correct it in the Segment Editor: the table follows", correct)
    stage.step("compare with the truth", compare)
    stage.step("a run that ends while another module is shown", elsewhere)
    stage.step("cancel a run", cancel)
    stage.step("detect", detect)
    stage.step("move the threshold: the chosen place stays", threshold)
    stage.step("segment the chosen place", segment_place)
    life.walk(stage, MODULE, lambda panel: panel.ui.segmentApplyButton)
