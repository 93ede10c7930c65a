"""The whole way of a follow-up: metastases before, necrosis after, one space, margin and verdict (Steffen 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle
from SpineLib.progress import Progress, part, silent
from SpineLib.sequences import PAIRS, enhanced_of
from SpineLib.tasks.followup.checks import contrast_note
from SpineLib.tasks.followup.compare import CompareSettings, Comparison, compare
from SpineLib.tasks.followup.verdict import NOT_SHOWN, UNTRUSTED
from SpineLib.tasks.provenance import provenance
from SpineLib.tasks.segmentation.lesions import Lesion, find_lesions, measure_lesion
from SpineLib.tasks.segmentation.segment import SegmentResult, SegmentSettings
from SpineLib.volume import Volume, check_image
from SpineLib.volume.checks import same_image
from SpineLib.volume.dicom_facts import DicomFacts
from SpineLib.volume.places import shows, to_lps
from SpineLib.volume.told import reading_notes
from SpineLib.volume.transform import check_linear

if TYPE_CHECKING:
    from SpineLib.tasks.registration.register import RegisterSettings, Registration


@dataclass(frozen=True)
class FollowUpSettings:
    """What the user may choose.

    Attributes:
        metastasis, necrosis: of the two segmentations, where a model makes them.
        register: of the registration; None: its defaults.
        compare: of the comparison.
        farthest_mm: a necrosis farther away than this from a metastasis is not taken for its treatment.
    """

    metastasis: SegmentSettings = SegmentSettings()
    necrosis: SegmentSettings = SegmentSettings()
    register: RegisterSettings | None = None
    compare: CompareSettings = field(default_factory=CompareSettings)
    farthest_mm: float = 10.0


@dataclass(frozen=True, eq=False)
class Marked:
    """Lesions or necroses on one scan.

    Attributes:
        labels: ids, 0 outside, uint16, on the grid of a scan or of the given mask.
        lesions: their measures, the largest first; the mean probability of drawn ones is nan.
        result: of the model; None when the mask was given.
    """

    labels: Volume
    lesions: list[Lesion]
    result: SegmentResult | None = None

    def only(self, *ids: int) -> Volume:
        """A mask (uint8) of those ids alone."""
        return self.labels.with_array(np.isin(self.labels.array, ids).astype(np.uint8))


@dataclass(frozen=True, eq=False)
class TreatedLesion:
    """One metastasis and what became of it.

    Attributes:
        lesion: its measures before.
        necroses: ids of the necroses that lie at it; none: it was not treated, or that is not to be told.
        after_to_before: 4 x 4, LPS mm; None without a necrosis at it.
        registration: how that came about; None when that is not known, or no necrosis lies at it.
        comparison: None without a necrosis at it.
        untold: why it is not to be told whether it was treated; "": it is.
    """

    lesion: Lesion
    necroses: tuple[int, ...] = ()
    after_to_before: np.ndarray | None = None
    registration: Registration | None = None
    comparison: Comparison | None = None
    untold: str = ""


@dataclass(frozen=True, eq=False)
class FollowUp:
    """The result.

    Attributes:
        before, after: the scans by sequence name.
        metastases: in the before space.
        necroses: in the after space.
        treated: every metastasis: treated ones, those of which nothing is to be told, untreated ones; each by size.
        pair: the sequences that were shown and registered, before and after.
        provenance: JSON-able.
        notes: sentences the user should read.
    """

    before: Mapping[str, Volume]
    after: Mapping[str, Volume]
    metastases: Marked
    necroses: Marked
    treated: list[TreatedLesion]
    pair: tuple[str, str]
    provenance: dict
    notes: list[str]


def follow_up(
    before: Mapping[str, Volume],
    after: Mapping[str, Volume],
    *,
    metastases: Volume | None = None,
    levels: Mapping[int, str] | None = None,
    necroses: Volume | None = None,
    after_to_before: np.ndarray | None = None,
    registration: Registration | None = None,
    metastasis_model: ModelBundle | None = None,
    necrosis_model: ModelBundle | None = None,
    after_facts: DicomFacts | None = None,
    settings: FollowUpSettings | None = None,
    progress: Progress = silent,
) -> FollowUp:
    """Segment what is not given, register around each treated metastasis, compare.

    Args:
        before, after: sequence name (:data:`SpineLib.sequences.SEQUENCES`) to volume.
        metastases: mask or ids in the before space; without it the model segments.
        levels: of the given metastases by value, "L3"; None: nobody knows.
        necroses: mask or ids in the after space; without it the model segments.
        after_to_before: 4 x 4, LPS mm, for all metastases; without it each treated one is registered by itself, as
            spines bend.
        registration: how ``after_to_before`` came about: its error and trust count for the verdict; None: not known.
        metastasis_model, necrosis_model: for what is not given.
        after_facts: of the contrast-enhanced DICOM series, for the note on missing contrast.
        settings: None: the defaults.
        progress: may raise ``Cancelled``.

    Raises:
        SpineError: a scan or mask cannot be used, neither mask nor model is there, no metastasis was found, the scans
            do not overlap, the transform is singular.
        Cancelled: by ``progress``.
    """
    started = perf_counter()
    settings = settings or FollowUpSettings()
    pair = choose_pair(before, after)
    for role, volume in [*before.items(), *after.items()]:
        check_image(volume, role)
    if after_to_before is not None:
        after_to_before = check_linear(after_to_before)
    tumours = _marked(
        before, metastases, metastasis_model, settings.metastasis, "metastases", "before", part(progress, 0.0, 0.2)
    )
    if metastases is not None and levels:
        values = np.unique(metastases.array[metastases.array != 0])
        of = {lesion.id: lesion.id if len(values) > 1 else int(values[0]) for lesion in tumours.lesions}
        leveled = [replace(lesion, level=levels.get(of[lesion.id], "")) for lesion in tumours.lesions]
        tumours = replace(tumours, lesions=leveled)
    if not tumours.lesions:
        raise SpineError(
            "No metastasis is marked on the scan from before; correct or draw the segmentation and give "
            "it with --metastasis."
        )
    dead = _marked(after, necroses, necrosis_model, settings.necrosis, "necrosis", "after", part(progress, 0.2, 0.4))
    notes = reading_notes(*before.values(), *after.values(), metastases, necroses)
    if any(same_image(one, other) for one in before.values() for other in after.values()):
        notes.append("One image was given as a scan of before and as one of after: choose the scan after the ablation.")
    treated = _treated(
        before[pair[0]],
        after[pair[1]],
        tumours,
        dead,
        after_to_before,
        registration,
        settings,
        part(progress, 0.4, 1.0),
        notes,
    )
    if dead.lesions:
        enhanced = enhanced_of(after)
        if enhanced and (note := contrast_note(after[enhanced], dead.labels, after_facts)):
            notes.append(note)
    else:
        notes.append("No necrosis is marked on the scan from after, so no metastasis counts as treated.")
    for marked in (tumours, dead):
        notes += marked.result.notes if marked.result else []
    made = provenance(
        "followup",
        started,
        {"farthest_mm": settings.farthest_mm},
        metastases=tumours.result.provenance if tumours.result else "given",
        necroses=dead.result.provenance if dead.result else "given",
        transform="registered" if after_to_before is None else "given",
        registered={"before": pair[0], "after": pair[1]},
    )
    progress(1.0, "Done")
    return FollowUp(
        dict(before), dict(after), tumours, dead, treated, pair, made, list(dict.fromkeys(notes))
    )  # one note may come from several steps


def mark(mask: Volume) -> Marked:
    """Lesions of a drawn mask: one for each value where there are several, which is its id, else one for each piece.

    Raises:
        SpineError: the mask holds something but whole numbers, or too large ones.
    """
    values = np.unique(mask.array)
    if not np.array_equal(values, values.astype(np.int64)) or values[0] < 0:
        raise SpineError(
            "The mask holds values that are no labels (fractions or negative); give a labelmap, not an "
            "image or probability."
        )
    ids = [int(value) for value in values if value]
    if len(ids) <= 1:
        inside = mask.with_array((mask.array != 0).astype(np.float32))
        _, labels, lesions = find_lesions(inside, 0.5)
        return Marked(labels, [replace(lesion, mean_probability=float("nan")) for lesion in lesions])
    if ids[-1] > np.iinfo(np.uint16).max:
        raise SpineError(f"The mask holds the value {ids[-1]}; give a labelmap with values up to 65535.")
    if len(ids) > 1000:
        raise SpineError(f"The mask holds {len(ids)} different values; give a labelmap with one value a lesion.")
    labels = mask.with_array(mask.array.astype(np.uint16))
    each = (measure_lesion(mask.with_array(mask.array == value), number=value) for value in ids)
    lesions = sorted(
        (lesion for lesion in each if lesion is not None),
        key=lambda lesion: (-lesion.volume_ml, lesion.centre_ras_mm),
    )
    return Marked(labels, lesions)


def choose_pair(before: Mapping[str, Volume], after: Mapping[str, Volume]) -> tuple[str, str]:
    """The sequences before and after that are registered: the first of :data:`SpineLib.sequences.PAIRS` that is
    there, else one that is there twice.

    Raises:
        SpineError: there is no scan of before or of after.
    """
    if not before or not after:
        raise SpineError("A follow-up needs a scan from before and one from after the ablation.")
    for pair in (*PAIRS, *((name, name) for name in before)):
        if pair[0] in before and pair[1] in after:
            return pair
    return next(iter(before)), next(iter(after))


def _marked(scans, mask, model, settings, what: str, when: str, progress: Progress) -> Marked:
    if mask is not None:
        return mark(mask)
    if model is None:
        raise SpineError(
            f"Neither a segmentation of the {what} nor a model for it was given; give one of them for "
            f"the scan from {when}."
        )
    from SpineLib.tasks.segmentation.placed import segment_placed  # brings torch

    try:
        result = segment_placed(scans, model, settings, progress)
    except SpineError as error:  # both examinations may have a T2
        raise SpineError(f"Of the scans from {when} the ablation: {error}") from error
    return Marked(result.labels, result.lesions, result)


def _treated(
    before: Volume,
    after: Volume,
    metastases: Marked,
    necroses: Marked,
    given: np.ndarray | None,
    known: Registration | None,
    settings: FollowUpSettings,
    progress: Progress,
    notes: list[str],
) -> list[TreatedLesion]:
    """Every metastasis with the necroses nearest to it."""
    registrations: dict[int, Registration] = {}

    def to_before(lesion: Lesion, progress: Progress) -> np.ndarray:
        if given is not None:
            return given
        if lesion.id not in registrations:
            from SpineLib.tasks.registration.register import Region, RegisterSettings, register

            region = Region.from_mask(metastases.only(lesion.id))
            how = settings.register or RegisterSettings()
            registrations[lesion.id] = register(before, after, region, how, progress)
        return registrations[lesion.id].after_to_before

    many = len(metastases.lesions) > 1
    # What the scan after does not show cannot be registered; the scanner's coordinates tell most of it beforehand.
    usable = sorted(
        metastases.lesions, key=lambda one: given is None and not shows(after, metastases.only(one.id), np.eye(4))
    )
    refused: dict[int, SpineError] = {}
    first, guide = None, usable[0]
    for guide in usable:
        try:
            first = to_before(guide, part(progress, 0.0, 0.4 if many else 0.8))
            break
        except SpineError as error:
            refused[guide.id] = error
    if first is None:
        if necroses.lesions:
            raise refused[usable[0].id]
        return [TreatedLesion(lesion, untold=NOT_SHOWN) for lesion in metastases.lesions]
    # Of a bent spine a far vertebra is out of place under the first transform: a wide net first, then each by itself.
    wide = _nearest(
        metastases,
        necroses,
        {lesion.id: first for lesion in metastases.lesions},
        settings.farthest_mm * (2.5 if many and given is None else 1.0),
    )
    candidates = [lesion for lesion in metastases.lesions if wide.get(lesion.id)]
    matrices = {}
    for number, lesion in enumerate(candidates):
        share = part(progress, 0.4 + 0.4 * number / len(candidates), 0.4 + 0.4 * (number + 1) / len(candidates))
        try:
            matrices[lesion.id] = to_before(lesion, share)
        except SpineError as error:  # the others are told of all the same
            refused[lesion.id] = error
    at = _nearest(metastases, necroses, matrices, settings.farthest_mm)
    stray = sorted({necrosis.id for necrosis in necroses.lesions} - {n for ids in at.values() for n in ids})
    if stray:
        notes.append(
            f"{len(stray)} of {len(necroses.lesions)} necroses lie more than {settings.farthest_mm:g} mm away "
            "from every metastasis and were left out."
        )
    treated, untold, untreated = list[TreatedLesion](), list[TreatedLesion](), list[TreatedLesion]()
    for number, lesion in enumerate(metastases.lesions):
        progress(0.8 + 0.2 * number / len(metastases.lesions), "Comparing")
        if not at.get(lesion.id):
            nearest = registrations.get(lesion.id, registrations.get(guide.id)) if given is None else known
            why = ""
            if lesion.id in refused or not shows(
                after, metastases.only(lesion.id), np.linalg.inv(matrices.get(lesion.id, first))
            ):
                why = NOT_SHOWN
            elif nearest is not None and not nearest.quality.trusted:
                why = UNTRUSTED
            (untold if why else untreated).append(TreatedLesion(lesion, untold=why))
            continue
        registration = registrations.get(lesion.id) if given is None else known
        quality = registration.quality if registration else None
        comparison = compare(
            metastases.only(lesion.id),
            necroses.only(*at[lesion.id]),
            matrices[lesion.id],
            settings.compare,
            silent,
            quality.error_mm if quality else None,
            quality.trusted if quality else True,
        )
        notes += [*(registration.notes if registration else ()), *comparison.notes]
        treated.append(TreatedLesion(lesion, at[lesion.id], matrices[lesion.id], registration, comparison))
    return treated + untold + untreated


def _nearest(
    metastases: Marked, necroses: Marked, matrices: Mapping[int, np.ndarray], farthest_mm: float
) -> dict[int, tuple[int, ...]]:
    """Necroses by metastasis: each goes to the one it lies nearest to (overlap first), if that is not too far."""
    trees = {id_: cKDTree(_points(metastases.labels, id_)) for id_ in matrices}
    found: dict[int, list[int]] = {}
    for necrosis in necroses.lesions:
        points = _points(necroses.labels, necrosis.id)
        distances = {}
        for id_, matrix in matrices.items():
            apart, _ = trees[id_].query(points @ matrix[:3, :3].T + matrix[:3, 3])
            close = np.count_nonzero(apart < max(metastases.labels.spacing) / 2)
            distances[id_] = (float(apart.min()) if not close else 0.0, -close)
        if distances:
            best = min(distances, key=distances.__getitem__)
            if distances[best][0] <= farthest_mm:
                found.setdefault(best, []).append(necrosis.id)
    return {id_: tuple(ids) for id_, ids in found.items()}


def _points(labels: Volume, id_: int) -> np.ndarray:
    """Centres (n, 3) of a label's voxels, LPS mm."""
    return to_lps(np.argwhere(labels.array == id_), labels)
