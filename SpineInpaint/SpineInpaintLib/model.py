"""Step 4: the printable model, what the print gate says of it, and its file."""

import os

import qt
import slicer

from SpineInpaintLib.runs import ExportRun, ModelRun
from SpineLib.errors import SpineError
from SpinePanel import style
from SpinePanel.i18n import tr as _
from SpinePanel.step import StepBase
from SpinePanel.tables import Table

#: A change is looked at after this pause, milliseconds.
_PAUSE_MS = 800
#: What the mesh room needs and Slicer does not bring.
CUTS = {
    "none": _("Whole vertebra"),
    "pedicles": _("Body, cut through the pedicles"),
    "body": _("Body, up to the canal"),
}
SPACES = {"LPS": _("LPS (as Slicer and DICOM)"), "RAS": "RAS"}
PAINTS = {
    "distance": _("Distance to before"),
    "thickness": _("Wall thickness"),
    "uncertainty": _("Uncertainty of the repair"),
    "plain": _("Plain"),
}
#: Thin walls are thickened where that adds no more than this share of the volume.
_THICKENING = 0.01


class ModelStep(StepBase):
    """Everything of the step."""

    TIP = _("Make the models before and after; the scene gets both with the distance painted, and the checks")

    def __init__(self, ui, panel):
        from SpineLib.mesh.formats import formats

        super().__init__(ui, panel, "model")
        self._formats = {ending.lstrip("."): one.TITLE for ending, one in formats().items()}
        self._head = self._watched = self._key = self._seen = None
        self._stop, self.outdated, self._path = lambda: None, False, ""
        self._combos = {"cut": (ui.cutCombo, CUTS), "space": (ui.spaceCombo, SPACES), "paint": (ui.paintCombo, PAINTS),
                        "format": (ui.formatCombo, self._formats)}  # fmt: skip
        for combo, entries in self._combos.values():
            for data, text in entries.items():
                combo.addItem(text, data)
        self._checks = Table(ui.checksTable, (_("Check"), "", _("Found"), _("Allowed")), 3, {2, 3})
        self._measures = Table(ui.measuresTable, (_("Measure"), _("Value")), 0, {1})
        self._pause = self.pause(_PAUSE_MS, self.look)
        self.connect(
            *((combo, "activated(int)", self._onChosen) for combo, _ in self._combos.values()),
            (ui.exportButton, "clicked(bool)", self.onExport),
        )
        ui.modelOutdatedLabel.visible = ui.gateLabel.visible = False

    def close(self):
        super().close()
        self._stop()
        self._checks.close()
        self._measures.close()

    def clear(self):
        super().clear()
        self._watch(None)
        self._key = self._head = None
        self._setOutdated(False)
        self._show()

    def refresh(self):
        super().refresh()
        self._setOutdated(self.outdated)
        self.ui.gateLabel.visible = bool(self.ui.gateLabel.text) and not self.ui.modelSection.collapsed

    def update(self):
        """Follow parameter node and job."""
        node, ui = self._node, self.ui
        super().update()
        if node is None:
            return
        self.widgets.keepFor(node.model)
        for parameter, (combo, entries) in self._combos.items():
            values = list(entries)
            chosen = getattr(node, parameter)
            combo.currentIndex = values.index(chosen) if chosen in values else 0
        if node.repaired is not self._watched:
            self._watch(node.repaired)
        if node.model is not self._head:
            self._head = node.model
            self._show()
            self.look()
        key = (node.repaired, str(self.settings()))
        if key != self._key:
            self._key = key
            self.changed()
        scale = "" if round(node.scale) == 100 else _(", {scale:.0f} % of life size").format(scale=node.scale)
        ui.exportLabel.text = _("In {space} coordinates and millimetres{scale}.").format(space=node.space, scale=scale)
        self._showExport()

    def lookAgain(self):
        self._show()  # maybe in another theme
        if self._stamp() != self._seen:
            self.look()

    def settings(self):
        """Settings of the job, as the panel has them."""
        node = self._node
        return {
            "cut": node.cut,
            "smoothing": round(float(node.smoothing), 4),
            "decimation_mm": round(float(node.decimation), 4),
            "scale": round(float(node.scale) / 100, 6),
            "smallest_wall_mm": round(float(node.smallestWall), 4),
            "thickening": _THICKENING if node.thickenWalls else 0.0,
            "build_volume_mm": [float(node.buildX), float(node.buildY), float(node.buildZ)],
        }

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        if reason := self._panel.reasonNotToStart():
            return reason
        if self._node is None or self._node.repaired is None:
            return _("Repair the vertebra in step 3, or choose a segmentation of one.")
        return ""

    def reasonNotToExport(self):
        """Why no file can be written, "" when one can."""
        from SpineLib.scene.printmodel import model_of

        if reason := self.reason():
            return reason
        model = model_of(self._head)
        if not model:
            return _("Build the model first.")
        if self.outdated:
            return _("The model is out of date: build it again first.")
        if not model["passed"]:
            reasons = [check["text"] for check in model["checks"] if not check["passed"]]
            return _("The print gate refuses the model. {names}").format(names=" ".join(reasons))
        return ""

    def summary(self):
        """(whether the step is done, a few words)."""
        from SpineLib.scene.printmodel import model_of

        model = model_of(self._head)
        if not model:
            return False, ""
        if self.outdated:
            return False, _("out of date")
        return (True, _("prints")) if model["passed"] else (False, _("does not print"))

    def onApply(self, checked=False):
        """Build the models; nodes of an earlier model of the same segmentation are filled anew."""
        if self.reason() or not self._panel.installed(self.widgets, "manifold3d"):
            return
        node, settings, head = self._node, self.settings(), self._existing()
        self._panel.start(self.widgets, ModelRun(node.repaired, settings, head), self._onResult)

    def onExport(self, checked=False):
        """Ask for a path and write the file there."""
        if self.reasonNotToExport() or not self._panel.installed(self.widgets, "manifold3d"):
            return
        node, ending = self._node, self._node.format
        if not (path := self._askPath(ending)):
            return
        if not path.lower().endswith(f".{ending}"):
            path = f"{path}.{ending}"  # another file than the dialog has asked about
            question = _("{basename} is there already. Replace it?").format(basename=os.path.basename(path))
            if os.path.exists(path) and not slicer.util.confirmOkCancelDisplay(question, self._panel.TITLE):
                return
        settings, space = self.settings(), node.space
        self._path = path
        self._panel.start(self.widgets, ExportRun(node.repaired, settings, path, space), self._onExported)

    def changed(self):
        """Something that a model is made of was changed; it is looked at after a pause."""
        if self._head is not None:
            self._pause.start()

    def look(self):
        """Whether the model still is of what is chosen now."""
        from SpineLib.scene.printmodel import collect_shape, is_current

        self._pause.stop()
        if self._node is None:
            return
        self._seen = self._stamp()
        outdated = False
        if self._head is not None:
            try:
                outdated = not is_current(self._head, collect_shape(self._node.repaired, self.settings()))
            except SpineError:
                outdated = True
        self._setOutdated(outdated)
        self._panel.later()

    def _stamp(self):
        """What a model is made of, as far as changes show without reading voxels."""
        from SpineLib.scene.changes import stamp_of

        return self._head, stamp_of(self._node.repaired), str(self.settings())

    def _existing(self):
        """The model's head where it is of the same segmentation."""
        from SpineLib.scene.printmodel import REPAIRED_ROLE

        head = self._head
        return head if head is not None and head.GetNodeReference(REPAIRED_ROLE) is self._node.repaired else None

    def _askPath(self, ending):
        folder = os.path.dirname(self._path) or os.path.expanduser("~")
        name = os.path.join(folder, f"{self._fileName()}.{ending}")
        return qt.QFileDialog.getSaveFileName(
            self.ui.exportButton, _("Export the model"), name, f"{self._formats[ending]} (*.{ending})"
        )

    def _fileName(self):
        """Of the vertebra alone: never of the patient."""
        from SpineLib.scene.printmodel import model_of

        name = "".join(c if c.isalnum() else "-" for c in model_of(self._head).get("name", "")).strip("-")
        return f"{name or 'vertebra'}-model"

    def _onResult(self, imported):
        self._head = imported.head
        self._panel.parameterNode().model = imported.head
        self._show()
        passed = imported.model["passed"]
        whole = not imported.model["attention"]
        found = _("The model prints.") if passed else _("The model would not print; what is to blame is red in 3-D.")
        if passed and not whole:
            found = _("The model prints, but it is not a whole vertebra.")
        sentence = " ".join([found, *imported.notes])
        self._panel.tell(self.widgets, sentence, warning=not (passed and whole), about=imported.head)
        self._paint()
        self._panel.whenShown(self._lookAt)
        # What was edited while the worker built is not in the model.
        self.look()

    def _onExported(self, path):
        self._panel.tell(
            self.widgets,
            _("{name} was written, read back and passed all checks again; {space} coordinates, millimetres.").format(
                name=path.name, space=self._panel.parameterNode().space
            ),
        )

    def _watch(self, segmentation):
        """Follow the edits of another segmentation."""
        from SpineLib.scene.changes import watch

        self._stop()
        self._watched = segmentation
        self._stop = watch(segmentation, self.changed)

    def _setOutdated(self, outdated):
        self.outdated = outdated
        shown = outdated and self._head is not None and not self.ui.modelSection.collapsed
        self.ui.modelOutdatedLabel.visible = shown
        self._showExport()

    def _showExport(self):
        reason = self.reasonNotToExport()
        self.ui.exportButton.enabled = not reason
        self.ui.exportButton.toolTip = reason or _(
            "Write the file; it is read back and checked again before it is kept"
        )

    def _show(self):
        """Checks and figures of the model; none empties the tables."""
        from SpineLib.metrics.printing import MODEL_FIGURES, figures_of
        from SpineLib.scene.printmodel import model_of
        from SpineLib.scene.printmodelnodes import words

        model, ui = model_of(self._head), self.ui
        checks = model.get("checks", [])
        rows = [
            (one["name"], "✓" if one["passed"] else "✗", words(one["value"]), words(one["limit"])) for one in checks
        ]
        colours = {row: style.colour("error") for row, one in enumerate(checks) if not one["passed"]}
        self._checks.show(rows, colours=colours, tips={row: one["text"] for row, one in enumerate(checks)})
        figures = figures_of(model.get("measures", {}), MODEL_FIGURES)
        self._measures.show([(figure.label, figure.text(value)) for figure, value in figures])
        text = ""
        if model:
            colour, words_ = ("good", _("Prints")) if model["passed"] else ("error", _("Does not print"))
            reasons = " ".join(one["text"] for one in checks if not one["passed"])
            if attention := model.get("attention"):
                colour, reasons = "error", " ".join([*attention, reasons]).strip()
                words_ = _("Prints, but is not a whole vertebra") if model["passed"] else words_
            text = f'<b style="{style.sentence(colour)}">{words_}</b>{": " if reasons else ""}{reasons}'
        ui.gateLabel.text = text
        ui.gateLabel.visible = bool(text) and not ui.modelSection.collapsed

    def _paint(self):
        from SpineLib.scene.printmodel import part_of
        from SpineLib.scene.printmodelnodes import paint

        node = part_of(self._head, "Model")
        if node is not None:
            paint(node, self._panel.parameterNode().paint)

    def _lookAt(self):
        """Let the 3-D view look at the model."""
        from SpineLib.scene.ctlesions import boxes_of
        from SpineLib.scene.printmodel import part_of

        model, node = part_of(self._head, "Model"), self._node
        if model is not None:
            for box in {node.roi, *boxes_of(node.lesions)} - {None}:  # it stands over what is looked at
                if box.GetDisplayNode() is not None:
                    box.GetDisplayNode().SetVisibility3D(False)
            self._panel.views.lookAt(model)

    def _onChosen(self, index):
        """Another entry of one of the combo boxes."""
        if self._node is None:
            return
        for parameter, (combo, entries) in self._combos.items():
            value = combo.itemData(combo.currentIndex)
            if value in entries and value != getattr(self._node, parameter):
                setattr(self._node, parameter, value)
                if parameter == "paint":
                    self._paint()
