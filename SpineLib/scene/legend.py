"""Legends of painted surfaces and likelihoods: small, readable, and in one view."""

from __future__ import annotations

import slicer

#: Share of the view's width and height. Slicer grows the labels until they fill this, so that their length is their
#: size: a label with its unit is a small one.
_SIZE, _PLACE = (0.08, 0.5), (0.95, 0.5)


def show_legend(node, title: str, labels: str, count: int, view: str = "1") -> None:
    """Show the legend of a node's colours in one view.

    Args:
        node: a displayable node.
        title: a word; longer ones are drawn larger than the labels.
        labels: format of a value with its unit, "%+.0f mm".
        count: how many labels.
        view: layout name of the view: "1" is the 3-D view, "Yellow" the sagittal slice view.
    """
    legend = legend_of(node)
    if legend is None:
        legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(node)
        legend.SetSize(*_SIZE)
        legend.SetPosition(*_PLACE)
    legend.SetTitleText(title)
    legend.SetLabelFormat(labels)
    legend.SetNumberOfLabels(count)
    kind = "vtkMRMLViewNode" if view == "1" else "vtkMRMLSliceNode"
    shown = slicer.mrmlScene.GetSingletonNode(view, kind)
    if shown is not None:
        legend.SetViewNodeIDs([shown.GetID()])
    legend.SetVisibility(True)


def hide_legend(node) -> None:
    """Take the legend of a node away; nothing happens where there is none."""
    if legend_of(node) is not None:
        legend_of(node).SetVisibility(False)


def legend_of(node):
    """The legend's display node, or None."""
    return slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node)
