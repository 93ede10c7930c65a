"""Pictures of the panels for the README: ``python Testing/panel/screenshots.py [folder]``.

A simulated patient (never a real one) goes through the real ``.ui``, module, worker and shipped model on the stand-in
desktop. Slicer's own views need a screen, so the slices beside the panel are drawn here, from the same nodes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np  # noqa: E402
from PySide6 import QtCore, QtGui  # noqa: E402

from Testing.pythonqt import desktop  # noqa: E402

_WIDTH, _HEIGHT = 420, 960


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    metastases(folder)
    necrosis(folder)


def necrosis(folder: Path) -> None:
    """The follow-up: the true masks of a simulated patient, the real registration and comparison."""
    with desktop() as here:
        here.load_module(REPOSITORY / "SpineNecrosis" / "SpineNecrosis.py")
        from SpineNecrosisLib.sampledata import simulateSample

        *_, metastases, zone = simulateSample()
        widget = here.open_panel("SpineNecrosis")
        ui, parent = widget.ui, widget.parent

        def picture(name, height):
            parent.resize(_WIDTH, height)
            parent.show()
            here.wait(lambda: False, 0.3)
            parent._object.grab().toImage().save(str(folder / f"SpineNecrosis{name}.png"))

        ui.metastasisSelector.setCurrentNode(metastases)
        ui.necrosisSelector.setCurrentNode(zone)
        treated = metastases.GetSegmentation()  # the treated one was drawn last
        widget._parameterNode.metastasisSegment = treated.GetNthSegmentID(treated.GetNumberOfSegments() - 1)
        ui.registerApplyButton.click()
        here.wait(lambda: ui.registerProgressBar.value >= 30 or not widget.panel.jobs.busy, 200)
        picture("-running", 1500)
        here.wait(lambda: not widget.panel.jobs.busy, 300)
        ui.compareApplyButton.click()
        here.wait(lambda: not widget.panel.jobs.busy, 300)
        ui.reportSection.collapsed = False
        picture("", 1850)
        print(ui.registerStatusLabel.text, "|", ui.verdictLabel.text)
        here.close_panel("SpineNecrosis")


def metastases(folder: Path) -> None:
    with desktop() as here:
        here.load_module(REPOSITORY / "SpineMetSeg" / "SpineMetSeg.py")
        from SpineMetSegLib.sampledata import simulateSample

        t1, t2, truth = simulateSample()
        widget = here.open_panel("SpineMetSeg")
        ui, parent = widget.ui, widget.parent

        def panel(height):
            parent.resize(_WIDTH, height)
            parent.show()
            here.wait(lambda: False, 0.3)
            return parent._object.grab().toImage()

        ui.settingsSection.collapsed = False
        panel(820).save(str(folder / "SpineMetSeg-ready.png"))
        ui.settingsSection.collapsed = True
        ui.applyButton.click()
        here.wait(lambda: ui.progressBar.value >= 30 or not widget.panel.jobs.busy, 200)
        panel(760).save(str(folder / "SpineMetSeg-running.png"))
        here.wait(lambda: not widget.panel.jobs.busy, 300)
        ui.compareSection.collapsed = False
        ui.referenceSelector.setCurrentNode(truth)
        ui.compareButton.click()
        ui.lesionTable.setCurrentCell(0, 0)
        done = panel(_HEIGHT)
        done.save(str(folder / "SpineMetSeg-done.png"))
        _beside(done, t1, t2, widget.logic.getParameterNode().result).save(str(folder / "SpineMetSeg.png"))
        print(ui.statusLabel.text, "|", ui.summaryLabel.text, "|", ui.compareLabel.text)
        here.close_panel("SpineMetSeg")


def _beside(panel: QtGui.QImage, t1, t2, segmentation) -> QtGui.QImage:
    """The panel, and the sagittal slice of T1 and T2 with most lesion, lesions in their segments' colours."""
    import slicer
    from SpineLib.preprocess.orientation import Orientation
    from SpineLib.scene.masks import segment_ids, segment_mask
    from SpineLib.scene.nodes import volume_from_node

    volume = volume_from_node(t1)
    orientation = Orientation.of(volume)
    segments = segment_ids(segmentation)
    masks = [orientation.apply(segment_mask(segmentation, one, t1)) for one in segments]
    colours = [segmentation.GetSegmentation().GetSegment(one).GetColor() for one in segments]
    number = int(np.argmax(sum(mask.sum(axis=(1, 2)) for mask in masks))) if masks else volume.shape[0] // 2
    side = _HEIGHT // 2
    picture = QtGui.QImage(panel.width() + side, _HEIGHT, QtGui.QImage.Format.Format_RGB32)
    painter = QtGui.QPainter(picture)
    painter.drawImage(0, 0, panel)
    for place, (name, node) in enumerate((("T1", t1), ("T2", t2))):
        grey = orientation.apply(slicer.util.arrayFromVolume(node))[number].astype(float)
        grey = np.clip(grey / np.percentile(grey, 97), 0, 1)[..., None] * np.ones(3)
        for mask, colour in zip(masks, colours, strict=True):
            grey[mask[number]] = 0.5 * grey[mask[number]] + 0.5 * np.array(colour)
        pixels = np.ascontiguousarray((255 * grey).astype(np.uint8))
        rows, columns, _ = pixels.shape
        image = QtGui.QImage(pixels.data, columns, rows, 3 * columns, QtGui.QImage.Format.Format_RGB888)
        painter.drawImage(QtCore.QRect(panel.width(), place * side, side, side), image)
        painter.setPen(QtCore.Qt.GlobalColor.yellow)
        painter.drawText(panel.width() + 12, place * side + 24, f"{name}, simulated")
    painter.end()
    return picture


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "Resources" / "Screenshots")
