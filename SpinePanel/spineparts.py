"""Spinal canal and vertebrae of a scan, found by the worker. No Qt here."""

from __future__ import annotations

from pathlib import Path

from SpinePanel.i18n import tr as _
from SpinePanel.runs import load, sourceVolume


def columnModelFor(sequence):
    """Whether a model of the column for this sequence (or "CT") is installed."""
    from SpineLib.models import list_bundles

    return any(card.task == "column-segmentation" and sequence in card.inputs for _, card in list_bundles())


def canalFor(segmentation, volumes):
    """The segmentation, where its canal belongs to one of these volumes; None where a model found it in another image.

    One that a person drew is taken as it was chosen. Two examinations in one scene are two spaces.
    """
    from SpineLib.scene.results import segment_tag
    from SpineLib.scene.spineparts import FOUND_BY, canal_segment

    if segmentation is None:
        return None
    segment = segmentation.GetSegmentation().GetSegment(canal_segment(segmentation))
    if segment is None or not segment_tag(segment, FOUND_BY):
        return segmentation
    source = sourceVolume(segmentation)
    return segmentation if any(source is one for one in volumes if one is not None) else None


def sequenceOf(volume, images=None):
    """What a volume shows: as it was chosen, else as its name tells, else T2, since all are looked at alike.

    Args:
        volume: volume node.
        images: sequence name to volume node, as chosen in the panel.
    """
    from SpineLib.scene.select import candidate_of, sequence_of

    chosen = next((name for name, node in (images or {}).items() if node is volume), None)
    texts = candidate_of(volume)
    return chosen or sequence_of(texts.name, texts.description)[0] or "T2"


class SpinePartsRun:
    """One search.

    Args:
        volume: volume node.
        sequence: what it shows, or "CT".
        device: where the network runs.
    """

    job = "column"

    def __init__(self, volume, sequence, device="auto"):
        self._volume, self._sequence, self._device = volume, sequence, device
        self._exported = None

    def steps(self):
        return [(_("Preparing the image"), lambda folder: load("SimpleITK")), (_("Preparing the image"), self._export)]

    @staticmethod
    def meanwhile():
        return [lambda: load("scipy.ndimage")]

    def parameters(self, folder: Path) -> dict:
        assert self._exported is not None
        return {"inputs": self._exported.files, "device": self._device}

    def finish(self, result: dict, folder: Path):
        """(segmentation node, sentences for the user), or None when the scene was closed meanwhile."""
        from SpineLib.scene.spineparts import import_parts

        found = import_parts(folder, result, self._exported)
        return None if found is None else (found, list(result["notes"]))

    def release(self) -> None:
        if self._exported is not None:
            self._exported.release()

    def _export(self, folder):
        from SpineLib.scene.runs import export_inputs

        self._exported = export_inputs({self._sequence: self._volume}, folder)
