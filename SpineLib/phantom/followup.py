"""One simulated patient before, and one to three days after, the radiofrequency ablation of a metastasis.

The patient is drawn once, on the grid of the first scan and a little beyond. The second scan sees the same tissue, with
what the ablation left (``ablation``, ``reaction``), in another posture (``posture``, ``warp``) by another scanner.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.transform import Rotation

from SpineLib.errors import SpineError
from SpineLib.phantom.ablation import OUTCOMES, Ablation, ablate
from SpineLib.phantom.acquisition import acquire, scan, tissue_signal
from SpineLib.phantom.anatomy import Anatomy, draw_anatomy, level_number
from SpineLib.phantom.case import PhantomSettings, acquire_all, draw_inclusions, lesion_map, vertebrae_seen
from SpineLib.phantom.geometry import draw_geometry, frame_of, image_of, place_image, vertebra_facts
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.lesions import METASTASES, Inclusion, draw_metastasis
from SpineLib.phantom.posture import Frame, draw_posture, moved
from SpineLib.phantom.reaction import react
from SpineLib.phantom.spine import Vertebra
from SpineLib.phantom.tissues import draw_tissues
from SpineLib.phantom.warp import Warp, draw_warp
from SpineLib.volume import Volume
from SpineLib.volume.triples import triple

BEFORE, AFTER = ("T1", "T2"), ("ceT1", "T2")
#: Volume (ml) of a metastasis that is treated, and how far (mm) what is drawn reaches beyond the first scan.
TREATED_ML, _BEYOND_MM = (1.0, 20.0), 14.0
#: Regions and, with their shares in ``_draw_patient``, where the spine is ablated (assumed; the neck hardly ever is).
_REGIONS = ("lumbar", "thoracolumbar", "thoracic")
_TRIES = 90


@dataclass(frozen=True)
class FollowUpSettings:
    """What to simulate.

    Attributes:
        outcomes: share of "complete", "partial" and "missed" ablations (they are scaled to 1 together).
        others: least and most metastases that are not treated.
        randomised: share of patients in the domain-randomised mode (tissue contrasts and scanners drawn widely).
        shift_mm, turn_deg: largest shift (mm) and turn (degrees, about any axis) of the treated vertebra between scans.
        bend_deg: largest common bend of neighbouring vertebrae between the scans, degrees.
        matrix, slices, spacing: as in :class:`PhantomSettings`, of both scans; None draws them for each.
        region: as in :class:`PhantomSettings`.
        motion: whether the patient moves a little between the sequences of a scan.
        oversampling: sub-slices drawn for each slice.
        after_only: leave out the scan before; the scan after is the same with and without.
        everyday: as in :class:`PhantomSettings`.
    """

    outcomes: tuple[float, float, float] = (0.45, 0.4, 0.15)
    others: tuple[int, int] = (0, 2)
    randomised: float = 0.0
    shift_mm: float = 15.0
    turn_deg: float = 10.0
    bend_deg: float = 1.2
    matrix: int | None = None
    slices: int | None = None
    spacing: float | None = None
    region: str | None = None
    motion: bool = True
    oversampling: int = 3
    after_only: bool = False
    everyday: bool = False


@dataclass(frozen=True)
class Scan:
    """The images of one session and their labels, all on one grid.

    Attributes:
        images: int16 volumes; "T1", "T2" before, "ceT1", "T2" after.
        labels: uint8 volumes; "lesion" (numbers; the treated one as if untouched), "vertebrae" (VerSe numbers),
            "tissue" (:class:`SpineLib.phantom.tissues.Tissue`; of the anatomy without lesions), after also "necrosis".
        truth: what was drawn, ready for JSON.
    """

    images: dict[str, Volume]
    labels: dict[str, Volume]
    truth: dict = field(default_factory=dict)


@dataclass(frozen=True)
class FollowUp:
    """A simulated patient before (None when left out) and after the ablation, and what was done (ready for JSON)."""

    before: Scan | None
    after: Scan
    truth: dict


@dataclass(frozen=True)
class _Patient:
    """What both scans share. ``anatomy`` reaches beyond ``grid``, the first scan's, by ``beyond`` voxels."""

    region: str
    wide: bool
    fields_t: tuple[float, float]
    grid: Grid
    beyond: tuple[int, int, int]
    margin: int
    frame: Frame
    anatomy: Anatomy
    inclusions: list[Inclusion]
    lesion: Inclusion
    ablation: Ablation
    moves: dict[str, np.ndarray]
    tissue_seed: int


def simulate_followup(seed: int, settings: FollowUpSettings = FollowUpSettings()) -> FollowUp:
    """Simulate one patient before and after an ablation. The same seed and settings give the same bytes.

    Everything is simulated: no image or measurement of a patient goes in.

    Raises:
        SpineError: the scan is too small to hold a metastasis that could be treated.
    """
    patient = _draw_patient(np.random.default_rng(seed), settings)
    before = None if settings.after_only else _before(np.random.default_rng([seed, 1]), patient, settings)
    after, placed = _after(np.random.default_rng([seed, 2]), patient, settings)
    number = sum(i.inside is not None for i in patient.inclusions)  # the treated one is the last
    turn = Rotation.from_matrix(patient.moves[patient.ablation.host.level][:3, :3])
    truth = {
        "simulated": True,
        "seed": int(seed),
        "region": patient.region,
        "domain_randomised": patient.wide,
        **({} if before is None else {"before": before.truth}),
        "after": after.truth,
        "treated": {
            "level": patient.ablation.host.level,
            "lesion": number,
            "outcome": patient.ablation.outcome,
            "covered_share": round(patient.ablation.covered_share, 4),
            "turn_deg": round(float(np.rad2deg(turn.magnitude())), 3),
            **placed,
        },
        "after_to_before_lps": {level: np.linalg.inv(m).tolist() for level, m in patient.moves.items()},
    }
    return FollowUp(before, after, truth)


def _draw_patient(rng, settings: FollowUpSettings) -> _Patient:
    wide = bool(rng.random() < settings.randomised)
    first_t, second_t = (float(t) for t in rng.choice([1.5, 3.0], 2))
    fields_t = first_t, second_t
    region = settings.region or str(rng.choice(_REGIONS, p=[0.5, 0.3, 0.2]))
    scanner = PhantomSettings(
        matrix=settings.matrix,
        slices=settings.slices,
        spacing=settings.spacing,
        oversampling=settings.oversampling,
        healthy=0.0,
        metastases=settings.others,
        everyday=settings.everyday,
    )
    grid, spine, _, margin = draw_geometry(rng, region, scanner)
    direction, origin = place_image(rng, grid, None, margin)
    beyond = (grid.oversampling, *(int(_BEYOND_MM / s) for s in grid.step[1:]))
    anatomy = draw_anatomy(rng, grid.extended(beyond), spine, settings.everyday)
    seen = vertebrae_seen(spine, grid)
    lesion, ablation = _treat(rng, anatomy, grid, seen, fields_t[0], wide, settings)
    inclusions = draw_inclusions(rng, anatomy, seen, scanner, fields_t[0], wide, spared=(ablation.host.level,))
    frame = frame_of(direction, origin, grid, margin)
    shown = set(np.unique(anatomy.vertebrae).tolist())
    moves = draw_posture(
        rng,
        [moved(v, frame.matrix) for v in spine],
        ablation.host.level,
        settings.shift_mm,
        settings.turn_deg,
        settings.bend_deg,
    )
    moves = {level: move for level, move in moves.items() if level_number(level) in shown}
    return _Patient(
        region,
        wide,
        fields_t,
        grid,
        beyond,
        margin,
        frame,
        anatomy,
        [*inclusions, lesion],
        lesion,
        ablation,
        moves,
        int(rng.integers(2**32)),
    )


def _treat(rng, anatomy, grid: Grid, seen: list[Vertebra], field_t, wide, settings) -> tuple[Inclusion, Ablation]:
    """Draw a metastasis in a body near the middle of the scan, and its ablation."""
    middle, reach = 0.5 * (grid.zs[0] + grid.zs[-1]), 0.5 * (grid.zs[0] - grid.zs[-1])
    hosts = [v for v in seen if not v.is_sacral and abs(v.centre[2] - middle) < max(reach - 45, 0.4 * reach)]
    shares = np.array(settings.outcomes, float)
    wanted = str(rng.choice(OUTCOMES, p=shares / shares.sum()))
    possible = [outcome for outcome, share in zip(OUTCOMES, shares) if share > 0]
    voxel_ml = float(np.prod(grid.step)) / 1000
    for attempt in range(_TRIES if hosts else 0):
        host = hosts[int(rng.integers(len(hosts)))]
        lesion = draw_metastasis(rng, anatomy, host, str(rng.choice(METASTASES, p=[0.5, 0.25, 0.25])), field_t, wide)
        if lesion is None or lesion.inside is None:
            continue
        if not TREATED_ML[0] <= lesion.inside.sum() * voxel_ml <= TREATED_ML[1]:
            continue
        if lesion.facts["place"] == "posterior" or (wanted == "complete" and lesion.facts["breach"]):
            continue
        # A patient in whom what was drawn cannot be done has another outcome of those wanted at all.
        outcome = wanted if attempt < _TRIES // 2 else possible[attempt % len(possible)]
        ablation = ablate(rng, anatomy, host, lesion, outcome)
        if ablation is not None:
            return lesion, ablation
    raise SpineError("No metastasis that could be ablated fits into the scan; choose a larger matrix or spacing.")


def _before(rng, patient: _Patient, settings: FollowUpSettings) -> Scan:
    anatomy, inclusions = _cropped(patient)
    grid, margin, field_t = patient.grid, patient.margin, patient.fields_t[0]
    tissues = draw_tissues(np.random.default_rng(patient.tissue_seed), field_t, 0.32 if patient.wide else 0.07)
    arrays, sequences = acquire_all(
        rng,
        BEFORE,
        field_t,
        patient.wide,
        settings.motion,
        lambda s, motion: acquire(
            rng, anatomy, inclusions, tissues, s, motion, patient.wide, margin, settings.everyday
        ),
        settings.everyday,
    )
    lesions, facts = lesion_map(anatomy, inclusions)
    middle = slice(grid.oversampling // 2, None, grid.oversampling)
    maps = {"lesion": lesions, "vertebrae": anatomy.vertebrae[middle], "tissue": anatomy.labels[middle]}
    masks = {name: array[:, margin : grid.shape[1] - margin] for name, array in maps.items()}
    images, labels = (_volumes(given, grid, patient.frame, margin) for given in (arrays, masks))
    truth = _facts(field_t, sequences, facts, inclusions, images["T1"], anatomy.spine, grid, margin)
    return Scan(images, labels, truth)


def _after(rng, patient: _Patient, settings: FollowUpSettings) -> tuple[Scan, dict]:
    """The second scan, and where the treatment lies in it."""
    host, wide, field_t = patient.ablation.host, patient.wide, patient.fields_t[1]
    anatomy = patient.anatomy
    spine = [moved(v, patient.moves[v.level] @ patient.frame.matrix) for v in anatomy.spine if v.level in patient.moves]
    grid, frame, spine = _place_after(rng, patient, spine, settings)
    back = {level: np.linalg.inv(move) for level, move in patient.moves.items()}
    warp = draw_warp(anatomy, patient.frame, grid, frame, back)
    lesion = _at_field(patient.lesion, patient.fields_t)
    leftover, reaction, facts = react(rng, anatomy, patient.ablation, lesion, field_t, wide)
    dose = float(np.exp(rng.normal(0, 0.2)))
    drawn = [
        _enhanced(i, dose)
        for i in [*(_at_field(i, patient.fields_t) for i in patient.inclusions[:-1]), leftover, *reaction]
    ]
    tissues = draw_tissues(np.random.default_rng(patient.tissue_seed), field_t, 0.32 if wide else 0.07)
    tissues = replace(tissues, uptake=tissues.uptake * dose)

    def take(sequence, motion):
        water, fat = warp.linear(tissue_signal(rng, anatomy, drawn, tissues, sequence, wide))
        return scan(rng, water, fat, grid, spine, motion, wide, everyday=settings.everyday)

    arrays, sequences = acquire_all(rng, AFTER, field_t, wide, settings.motion, take, settings.everyday)
    middle = slice(grid.oversampling // 2, None, grid.oversampling)
    maps: dict[str, np.ndarray] = {
        name: np.zeros((grid.shape[0] // grid.oversampling, *grid.shape[1:]), np.uint8)
        for name in ("lesion", "necrosis")
    }
    metastases = [i for i in drawn if i.inside is not None]
    for number, item in enumerate(metastases, start=1):
        assert item.inside is not None
        _mark(maps["lesion"], warp, item.inside, item.box, grid, number)
    _mark(maps["necrosis"], warp, patient.ablation.core, patient.ablation.box, grid, 1)
    maps |= {"vertebrae": warp.nearest(anatomy.vertebrae, middle), "tissue": warp.nearest(anatomy.labels, middle)}
    images, labels = (_volumes(given, grid, frame, 0) for given in (arrays, maps))
    voxel_ml = labels["lesion"].voxel_volume_ml
    lesions = [
        {
            "number": n,
            "kind": i.kind,
            "level": i.level,
            **i.facts,
            "volume_ml": round(float((labels["lesion"].array == n).sum()) * voxel_ml, 4),
        }
        for n, i in enumerate(metastases, start=1)
    ]
    truth = _facts(field_t, sequences, lesions, patient.inclusions, images["T2"], spine, grid, 0)
    truth["contrast_dose"] = dose
    old = patient.frame.matrix
    new = patient.moves[host.level] @ old
    place = lambda point: [round(float(x), 3) for x in (new @ [*host.point(*point), 1])[:3]]  # noqa: E731
    return Scan(images, labels, truth), {
        "shift_mm": round(float(np.linalg.norm((new - old) @ [*host.centre, 1])), 3),
        "necrosis_ml": round(float(patient.ablation.core.sum() * np.prod(anatomy.grid.step)) / 1000, 4),
        "applicators": [
            {
                "approach": a.approach,
                "length_mm": round(a.length, 2),
                "width_mm": round(a.width, 2),
                "entry_lps_mm": place(a.entry),
                "tip_lps_mm": place(a.tip),
            }
            for a in patient.ablation.applicators
        ],
        **facts,
    }


def _place_after(rng, patient: _Patient, spine: list[Vertebra], settings) -> tuple[Grid, Frame, list[Vertebra]]:
    """Draw the second scan's grid about the treated vertebra; returns also the column (given in LPS) in its axes."""
    first = patient.grid
    matrix = settings.matrix or int(rng.choice([256, 320, 384, 448], p=[0.2, 0.3, 0.35, 0.15]))
    height, depth = (len(axis) * first.step[2] for axis in (first.zs[2 * patient.margin :], first.ys))
    spacing = settings.spacing or float(np.clip(depth * rng.uniform(0.8, 1.0) / matrix, 0.45, 1.25))
    slab, q = len(first.xs) * first.step[0], settings.oversampling
    slices, thickness = settings.slices or int(rng.integers(15, 29)), float(rng.uniform(3.3, 4.8))
    while not settings.slices and slices > 15 and slices * thickness > slab + 8:
        slices -= 1
    # Slices are planned along the column, whatever way the patient lies, but for some degrees.
    host = next(v for v in spine if v.level == patient.ablation.host.level)
    lying = Rotation.from_matrix(patient.moves[host.level][:3, :3] @ patient.frame.turn).as_rotvec()
    oblique = Rotation.from_rotvec(np.deg2rad(rng.normal(0, 1.5, 3)))
    turn = (oblique * Rotation.from_rotvec(lying * rng.uniform(0.6, 1.0))).as_matrix()
    frame = Frame(turn, host.centre)
    into = np.linalg.inv(frame.matrix)
    spine = [moved(v, into) for v in spine]
    near = [v.centre[0] for v in spine if abs(v.centre[2]) < 120]
    xs = (np.arange(slices * q) - (slices * q - 1) / 2) * thickness / q + rng.normal(0, 2) + np.mean(near)
    # The view stays within what is drawn, and the treated vertebra away from its edges.
    old = patient.ablation.host.centre
    size, edge = matrix * spacing, min(45.0, 0.3 * matrix * spacing)
    top = _start(rng, first.zs[patient.margin] - old[2], height, size)
    front = _start(rng, old[1] - first.ys[0], depth, size)
    zs = np.clip(top, edge, size - edge) - np.arange(matrix) * spacing
    ys = np.arange(matrix) * spacing - np.clip(front, edge, size - edge)
    return Grid(xs, zs, ys, q), frame, spine


def _start(rng, before: float, length: float, size: float) -> float:
    """Distance from the view's first edge to the treated vertebra; ``before`` in the first scan of ``length``."""
    slack = length - size
    return before - rng.uniform(min(slack, 0) - 6, max(slack, 0) + 6)


def _cropped(patient: _Patient) -> tuple[Anatomy, list[Inclusion]]:
    """The drawn patient on the grid of the first scan."""
    drawn, sizes = patient.anatomy, patient.grid.shape
    cut = triple(slice(n, n + size) for n, size in zip(patient.beyond, sizes))
    anatomy = replace(
        drawn,
        grid=patient.grid,
        **{name: getattr(drawn, name)[cut] for name in ("labels", "vertebrae", "marrow_fat", "texture")},
    )
    items = []
    for item in patient.inclusions:
        low = [min(max(e.start, c.start), c.stop) for e, c in zip(item.box, cut)]
        high = [max(min(e.stop, c.stop), n) for e, c, n in zip(item.box, cut, low)]
        own = tuple(slice(a - e.start, b - e.start) for a, b, e in zip(low, high, item.box))
        box = triple(slice(a - c.start, b - c.start) for a, b, c in zip(low, high, cut))
        inside = None if item.inside is None else item.inside[own]
        items.append(replace(item, box=box, weight=item.weight[own], inside=inside, blend=item.blend[own]))
    return anatomy, items


def _at_field(item: Inclusion, fields_t: tuple[float, float]) -> Inclusion:
    """The inclusion's poles at the second scan's field: T1 is a fifth longer at 3 T (as ``lesions`` draws it)."""
    factor = {True: 1.2, False: 1 / 1.2}[fields_t[1] > fields_t[0]] if fields_t[0] != fields_t[1] else 1.0
    one, other = (replace(p, t1=p.t1 * factor) for p in item.poles)
    return replace(item, poles=(one, other))


def _enhanced(item: Inclusion, dose: float) -> Inclusion:
    one, other = (replace(p, uptake=p.uptake * dose) for p in item.poles)
    return replace(item, poles=(one, other))


def _mark(labels: np.ndarray, warp: Warp, mask: np.ndarray, box, grid: Grid, number: int) -> None:
    """Write ``number`` where the mask, warped, fills at least half of a voxel."""
    found = warp.share(mask, box)
    if found is None:
        return
    here, share = found
    q = grid.oversampling
    first, last = here[0].start // q, -(-here[0].stop // q)
    fine = np.zeros(((last - first) * q, *share.shape[1:]), np.float32)
    fine[here[0].start - first * q : here[0].stop - first * q] = share
    filled = fine.reshape(last - first, q, *share.shape[1:]).mean(axis=1) >= 0.5
    labels[first:last, here[1], here[2]][filled] = number


def _volumes(arrays: dict[str, np.ndarray], grid: Grid, frame: Frame, margin: int) -> dict[str, Volume]:
    """Volumes of arrays (s, row, column); the slices run from left to right as those of ``simulate``."""
    direction, origin = image_of(frame, grid, margin)
    spacing = (grid.step[2], grid.step[1], grid.step[0] * grid.oversampling)
    return {
        name: Volume(np.ascontiguousarray(array[::-1]), spacing, origin, direction, name)
        for name, array in arrays.items()
    }


def _facts(field_t, sequences, lesions, inclusions, image: Volume, spine, grid: Grid, margin: int) -> dict:
    return {
        "field_t": field_t,
        "sequences": sequences,
        "lesions": lesions,
        "direction": image.direction.tolist(),
        "mimics": [{"kind": i.kind, "level": i.level} for i in inclusions if i.inside is None],
        "vertebrae": [vertebra_facts(v, image.direction, image.origin, grid, margin) for v in spine],
    }
