"""Step 5: overlap, margin and verdict; and whether they are still true."""

import slicer

from SpineLib.errors import SpineError
from SpineNecrosisLib.measures import MeasureTables
from SpineNecrosisLib.runs import CompareRun
from SpinePanel import style
from SpinePanel.i18n import tr as _
from SpinePanel.spineparts import canalFor, columnModelFor
from SpinePanel.step import StepBase
from SpinePanel.views import CHART

#: A change is looked at after this pause, milliseconds: while the user paints, nothing is compared.
_PAUSE_MS = 800
_KINDS = {"complete": "good", "covered": "warning", "incomplete": "error", "not to be told": "warning"}
_TITLES = {
    "complete": _("Complete ablation"),
    "covered": _("Covered, margin too small"),
    "incomplete": _("Incomplete ablation"),
    "not to be told": _("Not to be told"),
}


class Compare(StepBase):
    """Everything of the step."""

    TIP = _("Compare the metastasis with the necrosis; the scene gets tables, the painted surface and a chart")

    def __init__(self, ui, panel):
        from SpineLib.scene.comparison import COMPARISON

        super().__init__(ui, panel, "compare")
        ui.comparisonSelector.addAttribute("vtkMRMLTableNode", COMPARISON)
        self._key = self._head = self._shown = self._seen = None
        self._stops, self.outdated, self._searched = [], False, set()
        self._pause = self.pause(_PAUSE_MS, self.look)
        self._tables = MeasureTables(ui.measuresTable, ui.piecesTable, self._jump)
        self.connect(
            (ui.updateButton, "clicked(bool)", self.onUpdate),
            (ui.showButton, "clicked(bool)", self.onShow),
            (ui.chartButton, "clicked(bool)", self.onChart),
        )

    def close(self):
        super().close()
        self._watch(None, None)
        self._tables.close()

    def clear(self):
        super().clear()
        self._watch(None, None)
        self._key = self._head = None
        self._searched.clear()
        self._setOutdated(False)
        self._show(None)

    def update(self):
        """Follow parameter node and job."""
        from SpineLib.scene.comparison import comparison_of

        node, ui = self._node, self.ui
        super().update()
        if node is None:
            return
        if (node.metastasis, node.necrosis) != tuple(one for one, _ in self._stops):
            self._watch(node.metastasis, node.necrosis)
        key = (node.metastasis, node.metastasisSegment, node.necrosis, node.necrosisSegment, node.transform)
        key = (*key, node.requiredMargin, node.autoUpdate, node.canal)
        if node.comparison is not self._head:
            self._head = node.comparison
            self._show(self._head)
            self._surfaces()
            self.widgets.say(" ".join(comparison_of(self._head).get("notes", ())))
            self._key = key
            self.look()
        elif key != self._key:
            self._key = key
            self.changed()
        there = self._head is not None
        ui.showButton.enabled = ui.chartButton.enabled = there
        ui.updateButton.enabled = there and self.outdated and not self.reason()
        self._showOutdated()

    def lookAgain(self):
        self._show(self._head)  # maybe in another theme
        if self._stamp() != self._seen:
            self.look()

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        if reason := self._panel.reasonNotToStart():
            return reason
        for one in (self._panel.metastasis, self._panel.necrosis):
            if missing := one.missing():
                return missing
        return self._panel.registering.takenAway()

    def summary(self):
        """(whether the step is done, a few words)."""
        from SpineLib.scene.comparison import comparison_of

        comparison = comparison_of(self._head)
        if not comparison:
            return False, ""
        if self.outdated:
            return False, _("out of date")
        return True, comparison["verdict"]["outcome"]

    def onApply(self, checked=False):
        """Compare into new nodes; a second click while it runs does nothing."""
        if not self.reason() and self._agreed():
            self._start(None)

    def onUpdate(self, checked=False):
        """Compare again into the nodes that are there."""
        if not self.reason():
            self._start(self._head)

    def onShow(self, checked=False):
        """Both outlines in the slice views at the thinnest place, the painted metastasis in 3-D."""
        from SpineLib.scene.comparison import comparison_of, part_of
        from SpineLib.scene.views import jump_to, show_outlines

        head, node = self._head, self._node
        if head is None or node is None:
            return
        show_outlines((node.metastasis, node.necrosis))
        surface = part_of(head, "Surface")
        if surface is not None:
            self._surfaces()
            self._panel.views.lookAt(surface)
        volume = next((one for one in self._panel.scansBefore(node).values() if one), None)
        if volume is not None and not self._panel.registering.blend.on:
            slicer.util.setSliceViewerLayers(background=volume)
        place = comparison_of(head).get("distance", {}).get("thinnest_ras_mm")
        if place is not None:
            jump_to(place)

    def onChart(self, checked=False):
        """Show the histogram in a layout with a chart."""
        from SpineLib.scene.comparison import part_of

        chart = part_of(self._head, "Chart")
        if chart is not None:
            self._panel.views.need(CHART)
            slicer.modules.plots.logic().ShowChartInLayout(chart)

    def changed(self):
        """Something that a comparison is made of was changed; it is looked at after a pause."""
        if self._head is not None:
            self._pause.start()

    def look(self):
        """Whether the comparison still holds; renew it where the user wants that."""
        from SpineLib.scene.comparison import collect_pair, is_current

        self._pause.stop()
        node = self._node
        if node is None or self._head is None:
            return
        self._seen = self._stamp()
        try:
            outdated = bool(self._missing()) or not is_current(self._head, collect_pair(*self._asked(node)))
        except SpineError:
            outdated = True
        self._setOutdated(outdated)
        if outdated and node.autoUpdate:
            if self._panel.jobs.busy:
                self._pause.start()
            else:
                self.onUpdate()
        self._panel.update()

    def _stamp(self):
        """What a comparison is made of, as far as changes show without reading voxels."""
        from SpineLib.scene.changes import stamp_of

        node = self._node
        nodes = node.metastasis, node.necrosis, node.transform, node.canal
        return self._head, self._asked(node), *map(stamp_of, nodes)

    def _missing(self):
        return self._panel.metastasis.missing() or self._panel.necrosis.missing()

    def _agreed(self):
        """Ask what is in doubt about the two scans; without scans there is nothing to ask."""
        from SpinePanel.runs import sourceVolume

        node = self._node
        before, after = sourceVolume(node.metastasis), sourceVolume(node.necrosis)
        return before is None or after is None or before is after or self._panel.agreed(before, after)

    def _asked(self, node):
        """What is compared now, as ``collect_pair`` and ``CompareRun`` take it."""
        settings = {"required_margin_mm": float(node.requiredMargin)}
        return (
            self._panel.metastasis.chosen(),
            self._panel.necrosis.chosen(),
            node.transform,
            settings,
            self._canal(node),
        )

    def _canal(self, node):
        """The chosen canal, unless a model found it in another examination than the scans before."""
        return canalFor(node.canal, self._panel.scansBefore(node).values())

    def _toSearch(self):
        """(volume, sequence, device) in which the canal is looked for, once in each scan; None where there is one."""
        node = self._node
        scans = {name: volume for name, volume in self._panel.scansBefore(node).items() if volume is not None}
        fit = [name for name in ("T2", "T1") if name in scans and columnModelFor(name)]
        if self._canal(node) is not None or not fit or scans[fit[0]].GetID() in self._searched:
            return None
        self._searched.add(scans[fit[0]].GetID())
        return scans[fit[0]], fit[0], node.device.value

    def _start(self, existing):
        asked, contrast = self._asked(self._node), self._node.afterCeT1
        run = CompareRun(*asked, existing, contrast, self._toSearch())
        self._panel.start(self.widgets, run, self._onResult)

    def _onResult(self, imported):
        renewed = imported.head is self._head
        self._head = imported.head
        node = self._panel.parameterNode()
        node.comparison = imported.head
        if imported.canal is not None:
            node.canal = imported.canal
        self._show(imported.head)
        self._panel.tell(self.widgets, " ".join(imported.notes))
        if not renewed:
            self._panel.whenShown(self.onShow)
        # What was edited while the worker compared is not in the result.
        self.look()

    def _watch(self, metastasis, necrosis):
        """Follow edits of two other segmentations."""
        from SpineLib.scene.changes import watch

        for _node, stop in self._stops:
            stop()
        self._stops = [(node, watch(node, self._edited)) for node in (metastasis, necrosis)]

    def _edited(self):
        """A segment was edited, added, removed, renamed or moved."""
        self.changed()
        self._panel.later()

    def _setOutdated(self, outdated):
        self.outdated = outdated
        self._showOutdated()
        self.ui.updateButton.enabled = outdated and self._head is not None and not self.reason()

    def refresh(self):
        super().refresh()
        self._showOutdated()
        self.ui.verdictLabel.visible = bool(self.ui.verdictLabel.text) and not self.ui.compareSection.collapsed

    def _showOutdated(self):
        shown = self.outdated and self._head is not None and not self.ui.compareSection.collapsed
        self.ui.outdatedLabel.visible = shown

    def _surfaces(self):
        """The painted surface of the chosen comparison, and of no other: they lie on one another."""
        from SpineLib.scene.comparison import comparison_of, part_of
        from SpineLib.scene.legend import legend_of

        for head in slicer.util.getNodesByClass("vtkMRMLTableNode"):
            surface = part_of(head, "Surface") if comparison_of(head) else None
            if surface is not None:
                surface.SetDisplayVisibility(head is self._head)
                if legend_of(surface) is not None:
                    legend_of(surface).SetVisibility(head is self._head)

    def _show(self, head):
        """Verdict and tables of a comparison; None empties them."""
        from SpineLib.scene.comparison import comparison_of
        from SpineLib.tasks.stability.form import distance_words

        comparison, label = comparison_of(head), self.ui.verdictLabel
        self._tables.show(comparison)
        label.visible = bool(comparison) and not self.ui.compareSection.collapsed
        if not comparison:
            label.text = ""
            return
        verdict, overlap = comparison["verdict"], comparison["overlap"]
        reasons = " ".join(verdict["reasons"])
        kind, title = _KINDS.get(verdict["outcome"]), _TITLES.get(verdict["outcome"], verdict["outcome"])
        figures = _("{covered:.1f} % covered, {untreated_ml:.2f} ml untreated.").format(
            covered=100 * overlap["covered_share"], untreated_ml=overlap["untreated_ml"]
        )
        rule = f"<p><small>{verdict['rule']}</small></p>"
        canal = " ".join(distance_words(name, one) for name, one in (comparison.get("canal") or {}).items())
        canal = f"<p>{canal}</p>" if canal else ""
        label.text = f'<b style="{style.sentence(kind)}">{title}</b>: {figures} {reasons}{canal}{rule}'

    def _jump(self, place):
        from SpineLib.scene.views import jump_to

        jump_to(place)
