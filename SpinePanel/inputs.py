"""A row of the panel for each image that an installed model looks at: a new kind of model needs no code."""

from __future__ import annotations

import qt
import slicer

from SpinePanel.cards import fittingCards
from SpinePanel.i18n import tr as _


def wantedInputs(task, always=()):
    """Names of the images that the installed models of a task look at, in their usual order ("T1", "T2", ...).

    Args:
        task: one of ``SpineLib.models.card.TASKS``.
        always: names that are there whatever is installed.
    """
    from SpineLib.sequences import SEQUENCES

    wanted = {name for card in fittingCards(task, lambda card: True) for name in card.inputs} | set(always)
    order = {name: number for number, name in enumerate((*always, *SEQUENCES))}
    return sorted(wanted, key=lambda name: (order.get(name, len(order)), name))


def imageOf(node, name):
    """The volume node of a parameter node for the image ``name``, or None."""
    return node.parameterNode.GetNodeReference(name.lower())


def setImage(node, name, volume):
    """Let a parameter node refer to another volume node, or to none."""
    if imageOf(node, name) is not volume:
        node.parameterNode.SetNodeReferenceID(name.lower(), volume.GetID() if volume is not None else None)


class InputRows:
    """Rows of a form: a label and a selector for each image; they and the parameter node's references are one.

    Args:
        ui: widgets of the ``.ui`` by name; gets ``t1Selector``, ``t1Label`` for "T1".
        form: ``QFormLayout``; the rows stand at its top.
        panel: :class:`SpinePanel.steppanel.StepPanel`.
        task: of the models.
        always: names that have a row whatever is installed.
    """

    def __init__(self, ui, form, panel, task, always=()):
        self._ui, self._form, self._panel, self._task, self._always = ui, form, panel, task, always
        self._rows, self._node = {}, None

    @property
    def names(self):
        """Names of the images that have a row, from the top."""
        return [name for name, row in self._rows.items() if row.wanted]

    def setParameterNode(self, parameterNode):
        """Also looks anew which models are installed: the user comes back to the module."""
        self._node = parameterNode
        if parameterNode is None:
            return
        names = wantedInputs(self._task, self._always)
        for name in names:
            if name not in self._rows:
                self._rows[name] = _Row(self._ui, name, self._chosen)
                self._panel.watchSelector(self._rows[name].selector)
                self._form.insertRow(len(self._rows) - 1, self._rows[name].label, self._rows[name].selector)
        for name, row in self._rows.items():
            row.want(name in names)

    def update(self):
        """Follow the parameter node."""
        if self._node is not None:
            for name, row in self._rows.items():
                row.show(imageOf(self._node, name))

    def chosen(self):
        """Name to volume node of what is chosen, in the order of the rows."""
        found = {name: imageOf(self._node, name) for name in self.names} if self._node is not None else {}
        return {name: volume for name, volume in found.items() if volume is not None}

    def reason(self):
        """Why no model can look at what is chosen, "" when one may."""
        chosen = self.chosen()
        if not chosen:
            return _("Choose at least one image: {names}.").format(names=", ".join(self.names))
        twice = [name for name, volume in chosen.items() if list(chosen.values()).count(volume) > 1]
        if twice:
            return _("{names} are the same volume: choose two volumes, or clear one selector.").format(
                names=" and ".join(twice)
            )
        return ""

    def close(self):
        """Let go of the widgets."""
        for row in self._rows.values():
            row.close()

    def _chosen(self, name, volume):
        if self._node is not None:
            setImage(self._node, name, volume)


class _Row:
    """One image: its label and its selector."""

    def __init__(self, ui, name, onChosen):
        self._name, self._onChosen, self.wanted = name, onChosen, True
        self.label, self.selector = qt.QLabel(f"{name}:"), slicer.qMRMLNodeComboBox()
        self.selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        self.selector.showChildNodeTypes = self.selector.addEnabled = self.selector.removeEnabled = False
        self.selector.noneEnabled = True
        self.selector.noneDisplay = _("No {name}").format(name=name)
        self.selector.toolTip = (
            _("{name}-weighted spine MR (sagittal)").format(name=name)
            if name in ("T1", "T2")
            else _("Spine MR, {name}").format(name=name)
        )
        self.label.setBuddy(self.selector)
        self.selector.setMRMLScene(slicer.mrmlScene)
        for kind, widget in (("Label", self.label), ("Selector", self.selector)):
            widget.objectName = f"{name.lower()}{kind}"
            setattr(ui, widget.objectName, widget)
        self.selector.connect("currentNodeChanged(vtkMRMLNode*)", self._changed)

    def want(self, wanted):
        self.wanted = self.label.visible = self.selector.visible = wanted

    def show(self, volume):
        if self.selector.currentNode() is not volume:
            self.selector.setCurrentNode(volume)

    def close(self):
        self.selector.disconnect("currentNodeChanged(vtkMRMLNode*)", self._changed)

    def _changed(self, volume):
        self._onChosen(self._name, self.selector.currentNode())
