"""Pictures of the panels for the documents: ``python Testing/panel/screenshots.py [folder]``.

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
from PySide6 import QtCore, QtGui, QtWidgets  # noqa: E402

from SpineLib.reports.slice_marks import bar_mm  # noqa: E402
from Testing.pythonqt import desktop  # noqa: E402

_WIDTH, _HEIGHT = 420, 900


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    metastases(folder)
    detection(folder)
    necrosis(folder)
    margin(folder)
    learning(folder)
    repair(folder)
    for file in folder.glob("Spine*.png"):
        shrink(file)


def whole(here) -> QtGui.QImage:
    """The panel as high as it needs to be to show all of itself."""
    here.show(_WIDTH, _HEIGHT)
    scrolled = here.module_panel.findChildren(QtWidgets.QScrollArea)
    here.show(_WIDTH, _HEIGHT + max((area.verticalScrollBar().maximum() for area in scrolled), default=0))
    return here.picture()


def shrink(file: Path) -> None:
    """Pack the picture closely, with all its colours: with 256 of them a lesion's square and its mask differ."""
    from PIL import Image

    with Image.open(file) as picture:
        small = picture.convert("RGB")
    small.save(file, optimize=True)


def detection(folder: Path) -> None:
    """The section Detect: a simulated STIR, the real search, its list of places and its likelihood over the image."""
    with desktop() as here:
        here.load_module(REPOSITORY / "SpineMetSeg" / "SpineMetSeg.py")
        from SpineLib.phantom import PhantomSettings, simulate
        from SpineLib.scene.nodes import volume_to_node

        case = simulate(
            11,
            PhantomSettings(
                sequences=("STIR",),
                matrix=320,
                slices=15,
                region="thoracolumbar",
                healthy=0.0,
                metastases=(3, 3),
                lesion_area_cm2=(1.65, 9.54),
            ),
        )
        image = volume_to_node(case.images["STIR"], "Simulated spine STIR")
        widget = here.open_panel("SpineMetSeg")
        ui, node = widget.ui, widget._parameterNode
        ui.segmentSection.collapsed = ui.resultsSection.collapsed = True
        ui.detectSection.collapsed = False
        ui.detectSelector.setCurrentNode(image)
        ui.detectApplyButton.click()
        here.wait(lambda: not widget.panel.jobs.busy, 600)
        ui.candidateTable.setCurrentCell(0, 0)
        panel = whole(here)
        _likelihood_beside(panel, image, case.lesions, node).save(str(folder / "SpineMetSeg-detect.png"))
        print(ui.candidatesLabel.text, "|", [ui.candidateTable.item(row, 2).text()
                                             for row in range(ui.candidateTable.rowCount)])  # fmt: skip
        here.close_panel("SpineMetSeg")


def _likelihood_beside(panel: QtGui.QImage, image, lesions, node) -> QtGui.QImage:
    """The panel, and two slices through places of the list: likelihood from 0.2 on in colour, true outlines white."""
    from matplotlib import colormaps
    from scipy.ndimage import binary_erosion

    from SpineLib.geometry.orientation import Orientation
    from SpineLib.scene.detection import list_candidates
    from SpineLib.scene.nodes import volume_from_node
    from SpineLib.volume.resampling import resample_like

    volume = volume_from_node(image)
    orientation = Orientation.of(volume)
    likelihood = resample_like(volume_from_node(node.likelihood), volume)
    grey, likelihood, truth = (orientation.apply(np.asarray(one.array)).astype(float)
                               for one in (volume, likelihood, lesions))  # fmt: skip
    found = list_candidates(node.likelihood, node.candidateThreshold, node.smallestArea)
    to_ijk = np.linalg.inv(volume.ijk_to_lps)
    shown = []
    for one in found:
        ijk = (to_ijk @ [*one.centre_lps_mm, 1.0])[:3].round().astype(int)
        shown.append(int(ijk[::-1][orientation.axes[0]]))
    shown = sorted(set(shown or [len(grey) // 2]), key=lambda s: -(truth[s] > 0).sum())[:2]
    side = panel.height() // 2
    picture = QtGui.QImage(panel.width() + side, panel.height(), QtGui.QImage.Format.Format_RGB32)
    picture.fill(QtCore.Qt.GlobalColor.white)
    painter = QtGui.QPainter(picture)
    painter.drawImage(0, 0, panel)
    for place, s in enumerate(shown):
        pixels = np.clip(grey[s] / np.percentile(grey[s], 98.5), 0, 1)[..., None] * np.ones(3)
        hot = likelihood[s] >= 0.2
        pixels[hot] = 0.55 * pixels[hot] + 0.45 * colormaps["hot"](likelihood[s][hot])[:, :3]
        for number in np.unique(truth[s][truth[s] > 0]):
            own = truth[s] == number
            pixels[own & ~binary_erosion(own)] = 1
        text = f"STIR, simulated, slice {s + 1}; true outlines white"
        column_mm = volume.spacing[2 - orientation.axes[2]]
        _draw(painter, pixels, panel.width(), place * side, side, text, column_mm)
    painter.end()
    return picture


def _draw(
    painter: QtGui.QPainter, pixels: np.ndarray, left: int, top: int, side: int, text: str, column_mm: float
) -> None:
    """A sagittal slice (rows, columns, 3), 0..1, as a square, with its name, the letters of its edges and a scale bar
    in yellow; columns are ``column_mm`` apart."""
    pixels = np.ascontiguousarray((255 * pixels).astype(np.uint8))
    rows, columns, _ = pixels.shape
    image = QtGui.QImage(pixels.data, columns, rows, 3 * columns, QtGui.QImage.Format.Format_RGB888)
    painter.drawImage(QtCore.QRect(left, top, side, side), image)
    painter.setPen(QtCore.Qt.GlobalColor.yellow)
    painter.drawText(left + 12, top + 24, text)
    middle = QtCore.Qt.AlignmentFlag.AlignCenter
    for letter, x, y in (
        ("A", 4, side // 2),
        ("P", side - 24, side // 2),
        ("H", side // 2, 30),
        ("F", side // 2, side - 24),
    ):
        painter.drawText(QtCore.QRect(left + x, top + y, 20, 20), middle, letter)
    length = bar_mm(columns * column_mm)
    wide = round(length / column_mm * side / columns)
    painter.fillRect(left + side - 16 - wide, top + side - 18, wide, 3, QtCore.Qt.GlobalColor.yellow)
    painter.drawText(
        QtCore.QRect(left + side - 116, top + side - 40, 100, 20), QtCore.Qt.AlignmentFlag.AlignRight, f"{length} mm"
    )


def necrosis(folder: Path) -> None:
    """The follow-up: the true masks of a simulated patient, the real registration and comparison."""
    with desktop() as here:
        here.load_module(REPOSITORY / "SpineNecrosis" / "SpineNecrosis.py")
        from SpineNecrosisLib.sampledata import simulateSample

        *_, metastases, zone = simulateSample()
        widget = here.open_panel("SpineNecrosis")
        ui = widget.ui

        ui.metastasisSelector.setCurrentNode(metastases)
        ui.necrosisSelector.setCurrentNode(zone)
        treated = metastases.GetSegmentation()  # the treated one was drawn last
        widget._parameterNode.metastasisSegment = treated.GetNthSegmentID(treated.GetNumberOfSegments() - 1)
        ui.registerApplyButton.click()
        here.wait(lambda: not widget.panel.jobs.busy, 300)
        ui.compareApplyButton.click()
        here.wait(lambda: not widget.panel.jobs.busy, 300)
        whole(here).save(str(folder / "SpineNecrosis.png"))
        print(ui.registerStatusLabel.text, "|", ui.verdictLabel.text)
        here.close_panel("SpineNecrosis")


def margin(folder: Path) -> None:
    """The painted metastasis of the demo's follow-up from two sides, with its scale, as the report shows it."""
    import tempfile

    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    from SpineLab.demo import SEEDS
    from SpineLab.demo.followup import PREFIX, write_demo_followup
    from SpineLib.progress import silent
    from SpineLib.tasks.followup.output import MARGIN

    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    with tempfile.TemporaryDirectory() as name:
        write_demo_followup(Path(name), SEEDS.followup, "mets-t1t2-2d", "cpu", silent)
        reader = vtk.vtkXMLPolyDataReader()
        reader.SetFileName(str(Path(name) / f"{PREFIX}margin.vtp"))
        reader.Update()
    poly = reader.GetOutput()  # LPS
    points = vtk_to_numpy(poly.GetPoints().GetData())
    triangles = vtk_to_numpy(poly.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    values = vtk_to_numpy(poly.GetPointData().GetArray(MARGIN))
    _painted(points, triangles, values).save(str(folder / "SpineNecrosis-margin.png"))
    del app


def _painted(points, triangles, margin) -> QtGui.QImage:
    """Two views beside each other, the scale below."""
    from PySide6 import QtSvg

    from SpineLib.reports.margin import legend, margin_colours, scale_ends
    from SpineLib.reports.surface import VIEWS, paint_surface

    side, high = 320, 90
    picture = QtGui.QImage(2 * side, side + high, QtGui.QImage.Format.Format_RGB32)
    picture.fill(QtCore.Qt.GlobalColor.white)
    painter = QtGui.QPainter(picture)
    for place, view in enumerate(VIEWS[:2]):
        pixels = np.ascontiguousarray(paint_surface(points, triangles, margin, margin_colours, view, side))
        image = QtGui.QImage(pixels.data, side, side, 3 * side, QtGui.QImage.Format.Format_RGB888)
        painter.drawImage(place * side, 0, image)
        painter.drawText(place * side + 8, 18, view.name)
    scale = legend(*scale_ends(margin))
    svg = QtSvg.QSvgRenderer(QtCore.QByteArray(scale[scale.index("<svg") : scale.index("</svg>") + 6].encode()))
    wide = svg.defaultSize().width() * (high - 10) / max(1, svg.defaultSize().height())
    wide = min(2 * side - 40.0, wide)
    svg.render(painter, QtCore.QRectF(side - wide / 2, side, wide, high - 10))
    painter.end()
    return picture


def learning(folder: Path) -> None:
    """The section Learn from corrections: five boxes in noise, whose first results were off in different ways."""
    import tempfile

    from SpineLab.learning.patients import add_patient
    from SpineLib.volume import Volume

    with tempfile.TemporaryDirectory() as name:
        before = {key: os.environ.get(key) for key in ("SPINE_CORRECTIONS", "SPINE_MODELS")}
        os.environ.update(SPINE_CORRECTIONS=name, SPINE_MODELS=str(Path(name) / "models"))
        rng = np.random.default_rng(0)
        for number in range(5):
            image = Volume(rng.integers(0, 999, (6, 30, 30)).astype(np.int16), (1.0, 1.0, 4.0))
            right = np.zeros(image.shape, np.uint8)
            right[1:4, 5:15, 5:15], right[2:4, 20:25, 20:25] = 1, 2
            first = (right > 0).astype(np.uint8)
            first[:, 5 : 12 - number, :] = 0
            if number < 3:
                first[right == 2] = 0
            images = {"ceT1": image, "T2": image.with_array(image.array + np.int16(1))}
            marked, said = image.with_array(right), image.with_array(first)
            add_patient(Path(name) / "necrosis", images, marked, "necrosis", first=said, simulated=True)
        with desktop() as here:
            here.load_module(REPOSITORY / "SpineNecrosis" / "SpineNecrosis.py")
            widget = here.open_panel("SpineNecrosis")
            for section in widget.panel.SECTIONS:
                getattr(widget.ui, f"{section}Section").collapsed = section != "learn"
            widget.panel.update()
            here.wait(lambda: False, 1.0)
            whole(here).save(str(folder / "SpineNecrosis-learn.png"))
            here.close_panel("SpineNecrosis")
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


def repair(folder: Path) -> None:
    """The repair: the simulated CT of the sample data, its true vertebrae and lesion, the real repair and model."""
    with desktop() as here:
        here.load_module(REPOSITORY / "SpineInpaint" / "SpineInpaint.py")
        from SpineInpaintLib.sampledata import simulateSample

        ct, vertebrae, lesion, intact = simulateSample()
        widget = here.open_panel("SpineInpaint")
        ui, node = widget.ui, widget._parameterNode

        ui.vertebraeSelector.setCurrentNode(vertebrae)
        if widget.panel.lesion.models.card() is not None:
            ui.lesionApplyButton.click()
            here.wait(lambda: not widget.panel.jobs.busy, 600)
        ui.roiSelector.setCurrentNode(None)  # the repair has the true lesion
        ui.lesionSelector.setCurrentNode(lesion)
        ui.repairApplyButton.click()
        here.wait(lambda: not ui.previewLabel.isHidden() or not widget.panel.jobs.busy, 300)
        whole(here).save(str(folder / "SpineInpaint-running.png"))
        here.wait(lambda: not widget.panel.jobs.busy, 600)
        ui.modelApplyButton.click()
        here.wait(lambda: not widget.panel.jobs.busy, 300)
        done = whole(here)
        print(node.method, "|", ui.repairStatusLabel.text, "|", ui.modelStatusLabel.text)
        _models_beside(done, ct, node).save(str(folder / "SpineInpaint.png"))
        here.close_panel("SpineInpaint")


def _models_beside(panel: QtGui.QImage, ct, node) -> QtGui.QImage:
    """The panel; the CT with the vertebra before and repaired; the model with its distance and wall thickness."""
    from vtk.util.numpy_support import vtk_to_numpy

    from SpineLib.geometry.orientation import Orientation
    from SpineLib.reports.surface import VIEWS, paint_surface
    from SpineLib.scene.masks import segment_mask
    from SpineLib.scene.nodes import volume_from_node
    from SpineLib.scene.printmodel import part_of
    from SpineLib.scene.printmodelnodes import paint_colours
    from SpineLib.scene.repair import BEFORE, REPAIRED, part_segment, repair_of

    volume = volume_from_node(ct)
    orientation = Orientation.of(volume)
    grey = np.clip((orientation.apply(volume.array).astype(float) + 350) / 1500, 0, 1)
    segments = [part_segment(node.repaired, part) for part in (BEFORE, REPAIRED)]
    before, after = (orientation.apply(segment_mask(node.repaired, one, ct)) for one in segments)
    place = np.argwhere(after & ~before)
    s, z, _ = place[np.linalg.norm(place - place.mean(axis=0), axis=1).argmin()]
    steps = [volume.spacing[2 - axis] for axis in orientation.axes]
    side, high = _WIDTH, panel.height() // 5
    picture = QtGui.QImage(panel.width() + side, panel.height(), QtGui.QImage.Format.Format_RGB32)
    picture.fill(QtCore.Qt.GlobalColor.white)
    painter = QtGui.QPainter(picture)
    painter.drawImage(0, 0, panel)

    def put(pixels, row, text):
        pixels = np.ascontiguousarray(pixels)
        rows, columns, _ = pixels.shape
        image = QtGui.QImage(pixels.data, columns, rows, 3 * columns, QtGui.QImage.Format.Format_RGB888)
        painter.drawImage(panel.width() + (side - columns) // 2, row * high + (high - rows) // 2, image)
        painter.setPen(QtCore.Qt.GlobalColor.darkGray if row > 1 else QtCore.Qt.GlobalColor.yellow)
        painter.drawText(panel.width() + 10, row * high + 22, text)

    near = np.argwhere(after).mean(axis=0)
    level = repair_of(node.repaired)["level"]
    for row, (cut, axis, name) in enumerate(((z, 1, "axial"), (s, 0, "sagittal"))):
        planes, axes = [np.take(one, cut, axis=axis) for one in (grey, before, after)], [0, 1, 2]
        axes.remove(axis)
        if row == 0:  # front up, the patient's right on the left
            planes, axes = [one.T for one in planes], axes[::-1]
        at = []
        for which, count in zip(axes, (high, side), strict=True):
            half = 52 * count / side / steps[which]
            at.append((near[which] + np.linspace(-half, half, count)).round().astype(int))
        rows, columns = ((one >= 0) & (one < size) for one, size in zip(at, planes[0].shape, strict=True))
        inside = np.ix_(*[np.clip(one, 0, size - 1) for one, size in zip(at, planes[0].shape, strict=True)])
        shown, old, new = (one[inside] * (rows[:, None] & columns) for one in planes)
        colours = shown[..., None] * np.ones(3)
        old, added = old > 0, (new > 0) & ~(old > 0)
        colours[old] = 0.75 * colours[old] + 0.25 * np.array((0.93, 0.65, 0.35))
        colours[added] = 0.5 * colours[added] + 0.5 * np.array((0.22, 0.84, 0.48))
        put((255 * colours).astype(np.uint8), row, f"Simulated CT, {name}: {level} before, and what was added in green")
    poly = part_of(node.model, "Model").GetPolyData()
    points = vtk_to_numpy(poly.GetPoints().GetData()) * (-1, -1, 1)
    triangles = vtk_to_numpy(poly.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    values = {how: np.nan_to_num(vtk_to_numpy(poly.GetPointData().GetArray(f"{how}_mm")), nan=10.0)
              for how in ("distance", "thickness")}  # fmt: skip
    away = points - points.mean(axis=0)
    views = sorted(VIEWS, key=lambda view: -(away @ view.toward_eye)[values["distance"] > 1].sum())[:2]
    for row, (how, view, words) in enumerate((
        ("distance", views[0], "Distance to before, green to blue was added"),
        ("distance", views[1], "Distance"), ("thickness", views[0], "Wall thickness, red is thin"),
    ), start=2):  # fmt: skip
        colours = lambda mm, how=how: paint_colours(how, mm)  # noqa: E731
        put(paint_surface(points, triangles, values[how], colours, view, min(high - 30, side)), row,
            f"{words}, {view.name}")  # fmt: skip
    painter.end()
    return picture


def metastases(folder: Path) -> None:
    with desktop() as here:
        here.load_module(REPOSITORY / "SpineMetSeg" / "SpineMetSeg.py")
        from SpineMetSegLib.sampledata import simulateSample

        t1, t2, truth = simulateSample()
        widget = here.open_panel("SpineMetSeg")
        ui = widget.ui

        ui.segmentApplyButton.click()
        here.wait(lambda: ui.segmentProgressBar.value >= 30 or not widget.panel.jobs.busy, 200)
        whole(here).save(str(folder / "SpineMetSeg-running.png"))
        here.wait(lambda: not widget.panel.jobs.busy, 300)
        ui.compareSection.collapsed = False
        ui.referenceSelector.setCurrentNode(truth)
        ui.compareButton.click()
        ui.lesionTable.setCurrentCell(0, 0)
        done = whole(here)
        _beside(done, t1, t2, widget.logic.getParameterNode().result).save(str(folder / "SpineMetSeg.png"))
        print(ui.segmentStatusLabel.text, "|", ui.summaryLabel.text, "|", ui.compareStatusLabel.text)
        here.close_panel("SpineMetSeg")


def _beside(panel: QtGui.QImage, t1, t2, segmentation) -> QtGui.QImage:
    """The panel, and the sagittal slice of T1 and T2 with most lesion, outlines in their segments' colours."""
    import slicer
    from scipy.ndimage import binary_erosion

    from SpineLib.geometry.orientation import Orientation
    from SpineLib.scene.masks import segment_ids, segment_mask
    from SpineLib.scene.nodes import volume_from_node

    volume = volume_from_node(t1)
    orientation = Orientation.of(volume)
    segments = segment_ids(segmentation)
    masks = [orientation.apply(segment_mask(segmentation, one, t1)) for one in segments]
    colours = [segmentation.GetSegmentation().GetSegment(one).GetColor() for one in segments]
    number = int(np.argmax(sum(mask.sum(axis=(1, 2)) for mask in masks))) if masks else volume.shape[0] // 2
    column_mm = volume.spacing[2 - orientation.axes[2]]
    side = panel.height() // 2
    picture = QtGui.QImage(panel.width() + side, panel.height(), QtGui.QImage.Format.Format_RGB32)
    painter = QtGui.QPainter(picture)
    painter.drawImage(0, 0, panel)
    for place, (name, node) in enumerate((("T1", t1), ("T2", t2))):
        grey = orientation.apply(slicer.util.arrayFromVolume(node))[number].astype(float)
        grey = np.clip(grey / np.percentile(grey, 97), 0, 1)[..., None] * np.ones(3)
        for mask, colour in zip(masks, colours, strict=True):
            grey[mask[number] & ~binary_erosion(mask[number])] = colour
        _draw(painter, grey, panel.width(), place * side, side, f"{name}, simulated", column_mm)
    painter.end()
    return picture


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "Resources" / "Screenshots")
