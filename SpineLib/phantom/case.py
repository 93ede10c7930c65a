"""One simulated patient: images, truths, and what was drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.phantom.acquisition import ChemicalShift, Motion, acquire
from SpineLib.phantom.anatomy import Anatomy, draw_anatomy
from SpineLib.phantom.areas import draw_area_cm2, draw_of_area, slice_areas_cm2
from SpineLib.phantom.findings import draw_findings
from SpineLib.phantom.geometry import draw_geometry, draw_region, place_image, vertebra_facts
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.lesions import METASTASES, MIMICS, PLACES, Inclusion, draw_metastasis, draw_mimic
from SpineLib.phantom.physics import Sequence, draw_sequence
from SpineLib.phantom.readers import read_lesions
from SpineLib.phantom.replaced import draw_diffuse, draw_replaced
from SpineLib.phantom.spine import Vertebra
from SpineLib.phantom.tissues import draw_tissues
from SpineLib.volume import Volume
from SpineLib.volume.triples import triple


@dataclass(frozen=True)
class PhantomSettings:
    """What to simulate.

    Attributes:
        sequences: which of :data:`SpineLib.phantom.physics.PROTOCOLS` to acquire.
        matrix: rows and columns of a slice; None draws 256, 320, 384 or 448.
        slices: number of sagittal slices; None draws 15 to 28.
        spacing: in-plane spacing in mm; None draws one within 0.45 to 1.25 mm such that 5 to 9 vertebrae are seen.
        randomised: share of cases in the domain-randomised mode (tissue contrasts and scanner drawn widely).
        healthy: share of cases without a metastasis.
        metastases: least and most metastases of the others.
        lesion_area_cm2: least and most area of a metastasis in the sagittal slice that shows most of it, in cm2
            (1.65 to 9.54 in Wang et al. 2017, section 3.1); None takes all sizes.
        mean_area_cm2: of those areas (5.07 in the paper), drawn from a triangular distribution; None takes them as they
            come, most of them small.
        places: where metastases may lie, out of :data:`SpineLib.phantom.lesions.PLACES`.
        kinds: of the metastases, out of :data:`SpineLib.phantom.lesions.METASTASES`.
        region: "lumbar", "thoracolumbar", "thoracic", "cervicothoracic"; None draws one.
        motion: whether the patient moves a little between the sequences.
        oversampling: sub-slices drawn for each slice.
        everyday: whether there also is what everyday scans show: worn spines and their benign findings, organs of the
            pelvis, varying marrow, vertebrae cut by the image's edge, coils that fall off, ringing and ghosts; and
            metastases that evenly replace a vertebra or infiltrate several. Off, a seed gives what it always gave.
    """

    sequences: tuple[str, ...] = ("T1", "T2")
    matrix: int | None = None
    slices: int | None = None
    spacing: float | None = None
    randomised: float = 0.0
    healthy: float = 0.1
    metastases: tuple[int, int] = (1, 4)
    lesion_area_cm2: tuple[float, float] | None = None
    kinds: tuple[str, ...] = METASTASES
    mean_area_cm2: float | None = None
    places: tuple[str, ...] = tuple(PLACES)
    region: str | None = None
    motion: bool = True
    oversampling: int = 3
    everyday: bool = False


@dataclass(frozen=True)
class PhantomCase:
    """A simulated patient; all volumes lie on one grid.

    Attributes:
        images: sequence name to int16 volume.
        lesions: uint8 lesion numbers, 1 to n in the order of ``truth["lesions"]``.
        readers: two uint8 masks, the simulated readers'.
        vertebrae: uint8, VerSe numbers.
        tissue: uint8, :class:`SpineLib.phantom.tissues.Tissue`.
        truth: everything that was drawn, ready for JSON.
    """

    images: dict[str, Volume]
    lesions: Volume
    readers: tuple[Volume, Volume]
    vertebrae: Volume
    tissue: Volume
    truth: dict = field(default_factory=dict)


#: Draws of a metastasis for each one wanted; most of those drawn have an area outside a narrow range.
_TRIES, _TRIES_FOR_AREA = 4, 80
#: After so many an area is given up that no vertebra in the image may have room for.
_TRIES_FOR_ONE_AREA = 20
#: How often a patient's metastases are mainly of each kind.
_SHARES = {"lytic": 0.5, "sclerotic": 0.25, "mixed": 0.25}


def simulate(seed: int, settings: PhantomSettings = PhantomSettings()) -> PhantomCase:
    """Simulate one patient. The same seed and settings give the same bytes.

    Everything is simulated: no image or measurement of a patient goes in.
    """
    rng = np.random.default_rng(seed)
    wide = bool(rng.random() < settings.randomised)
    field_t = float(rng.choice([1.5, 3.0]))
    region = settings.region or draw_region(rng)
    grid, spine, acquired, margin = draw_geometry(rng, region, settings)
    anatomy = draw_anatomy(rng, grid, spine, settings.everyday)
    seen = vertebrae_seen(spine, grid, 2 if settings.everyday else 12)
    inclusions = draw_inclusions(rng, anatomy, seen, settings, field_t, wide, margin)
    tissues = draw_tissues(rng, field_t, 0.32 if wide else 0.07)
    direction, origin = place_image(rng, grid, acquired["spacing"], margin)
    arrays, sequences = acquire_all(
        rng,
        settings.sequences,
        field_t,
        wide,
        settings.motion,
        lambda sequence, motion: acquire(
            rng, anatomy, inclusions, tissues, sequence, motion, wide, margin, settings.everyday
        ),
        settings.everyday,
    )
    images = {name: Volume(a[::-1], acquired["spacing"], origin, direction, name) for name, a in arrays.items()}
    crop = (slice(None, None, -1), slice(margin, grid.shape[1] - margin), slice(None))
    first = images[settings.sequences[0]]
    lesions, facts = lesion_map(anatomy, inclusions)
    step = (grid.step[0] * grid.oversampling, grid.step[1], grid.step[2])
    readers = tuple(read_lesions(rng, lesions, step) for _ in range(2))
    middle = slice(grid.oversampling // 2, None, grid.oversampling)
    truth = {
        "simulated": True,
        "seed": int(seed),
        "region": region,
        "field_t": field_t,
        "domain_randomised": wide,
        "sequences": sequences,
        "lesions": facts,
        "direction": direction.tolist(),
        "mimics": [{"kind": i.kind, "level": i.level} for i in inclusions if i.inside is None],
        "vertebrae": [vertebra_facts(v, direction, origin, grid, margin) for v in spine],
    }

    def put(array: np.ndarray, name: str) -> Volume:
        return Volume(np.ascontiguousarray(array[crop]), first.spacing, origin, direction, name)

    return PhantomCase(
        images,
        put(lesions, "lesions"),
        (put(readers[0], "reader 1"), put(readers[1], "reader 2")),
        put(anatomy.vertebrae[middle], "vertebrae"),
        put(anatomy.labels[middle], "tissue"),
        truth,
    )


def acquire_all(
    rng,
    names: tuple[str, ...],
    field_t: float,
    wide: bool,
    moving: bool,
    take: Callable[[Sequence, Motion], tuple[np.ndarray, ChemicalShift]],
    everyday: bool = False,
) -> tuple[dict[str, np.ndarray], dict[str, dict]]:
    """Draw each sequence's settings and the patient's motion since the first, and ``take`` it.

    Returns:
        Arrays, and settings and motion for the truth, by sequence name.
    """
    arrays, facts = {}, {}
    for name in names:
        sequence = draw_sequence(rng, name, field_t, wide, everyday)
        motion = (
            Motion(triple(float(v) for v in rng.normal(0, (0.4, 0.6, 0.6))), float(rng.normal(0, 0.5)))
            if moving and name != names[0]
            else Motion()
        )
        arrays[name], shift = take(sequence, motion)
        facts[name] = {
            "tr_ms": sequence.tr,
            "te_ms": sequence.te,
            "ti_ms": sequence.ti,
            "gadolinium": sequence.gadolinium,
            "fat_left": sequence.fat_left,
            "fat_shift_voxels": shift.voxels,
            "fat_shift_down_rows": shift.down_rows,
            "motion_mm": list(motion.shift),
            "motion_deg": motion.turn,
        }
    return arrays, facts


def vertebrae_seen(spine: list[Vertebra], grid: Grid, least_mm: float = 12) -> list[Vertebra]:
    """The vertebrae, down to S2, whose bodies' centres lie ``least_mm`` or more within the grid's rows."""
    seen = [v for v in spine if grid.zs[-1] + least_mm < v.centre[2] < grid.zs[0] - least_mm]
    return [v for v in seen if not v.is_sacral or v.level in ("S1", "S2")]


def draw_inclusions(
    rng,
    anatomy: Anatomy,
    seen: list[Vertebra],
    settings: PhantomSettings,
    field_t: float,
    wide: bool,
    margin: int = 0,
    spared: tuple[str, ...] = (),
) -> list[Inclusion]:
    """Mimics, then metastases, of the vertebrae ``seen``; the levels ``spared`` get neither."""
    if not seen:
        return []
    items: list[Inclusion] = []
    sick = set(spared)
    if rng.random() >= settings.healthy:
        wanted = int(rng.integers(settings.metastases[0], settings.metastases[1] + 1))
        shares = np.array([_SHARES[kind] for kind in settings.kinds])
        main = str(rng.choice(settings.kinds, p=shares / shares.sum()))
        area, tries = None, 0
        for _ in range(wanted * (_TRIES if settings.lesion_area_cm2 is None else _TRIES_FOR_AREA)):
            if sum(i.inside is not None for i in items) >= wanted:
                break
            host = seen[int(rng.integers(len(seen)))]
            kind = main if rng.random() < 0.7 else str(rng.choice(settings.kinds))
            if host.level in sick:
                continue
            limits, mean = settings.lesion_area_cm2, settings.mean_area_cm2
            if limits is not None and mean is not None and tries % _TRIES_FOR_ONE_AREA == 0:
                area = draw_area_cm2(rng, limits[0], mean, limits[1])
            if settings.everyday and area is None and rng.random() < 0.25:
                item = draw_replaced(rng, anatomy, host, kind, field_t, wide)
            else:
                item = _draw_one(rng, anatomy, host, kind, field_t, wide, settings, margin, area)
            tries += 1
            if item is not None and _has_wanted_area(item, items, settings, anatomy.grid, margin):
                items.append(item)
                sick.add(host.level)
                tries = 0
        if not items and settings.lesion_area_cm2 is not None:
            raise SpineError(
                "No metastasis came out with an area of {:g} to {:g} cm2; choose a wider range.".format(
                    *settings.lesion_area_cm2
                )
            )
    if settings.everyday:
        if items and settings.lesion_area_cm2 is None and rng.random() < 0.15:
            free = [host for host in seen if host.level not in sick]
            hosts = [host for host in free if rng.random() < 0.6]
            items += draw_diffuse(rng, anatomy, hosts, main, field_t, wide)
            sick |= {item.level for item in items}
        well = [host for host in seen if host.level not in sick]
        return draw_findings(rng, anatomy, well, field_t) + items
    mimics = []
    for host in seen:
        if host.level in sick or host.is_sacral or rng.random() > 0.3:
            continue
        item = draw_mimic(rng, anatomy, host, str(rng.choice(MIMICS)), field_t)
        if item is not None:
            mimics.append(item)
    return mimics + items


def _draw_one(rng, anatomy, host, kind, field_t, wide, settings, margin, area) -> Inclusion | None:
    """A metastasis of ``host``, of about ``area`` (cm2) unless that is None."""

    def draw(enlarged: float) -> Inclusion | None:
        return draw_metastasis(rng, anatomy, host, kind, field_t, wide, settings.places, enlarged)

    if area is None:
        return draw(1.0)
    return draw_of_area(rng, draw, lambda item: _largest_area(item, anatomy.grid, margin), area)


def _largest_area(item: Inclusion, grid: Grid, margin: int) -> float:
    return float(slice_areas_cm2(item, grid, slice(margin, grid.shape[1] - margin)).max(initial=0.0))


def _has_wanted_area(
    item: Inclusion, others: list[Inclusion], settings: PhantomSettings, grid: Grid, margin: int
) -> bool:
    """Whether the largest slice of a lesion has a wanted area and no other lesion takes any of its voxels."""
    if settings.lesion_area_cm2 is None:
        return True
    low, high = settings.lesion_area_cm2
    if not low <= _largest_area(item, grid, margin) <= high:
        return False
    mask = np.zeros(grid.shape, bool)
    mask[item.box] = item.inside
    return not any((mask[other.box] & other.inside).any() for other in others)


def lesion_map(anatomy: Anatomy, inclusions: list[Inclusion]) -> tuple[np.ndarray, list[dict]]:
    """Lesion numbers on the slices (a voxel belongs to a lesion that fills half of it) and their facts."""
    grid = anatomy.grid
    q = grid.oversampling
    fine = np.zeros(grid.shape, np.uint8)
    facts: list[dict] = []
    for item in inclusions:
        if item.inside is None:
            continue
        fine[item.box][item.inside] = len(facts) + 1
        facts.append({"kind": item.kind, "level": item.level, **item.facts})
    result = np.zeros((grid.shape[0] // q,) + grid.shape[1:], np.uint8)
    stacked = fine.reshape((-1, q) + grid.shape[1:])
    voxel_ml = float(np.prod(grid.step)) * q / 1000
    for n, fact in enumerate(facts, start=1):
        mask = (stacked == n).sum(axis=1, dtype=np.uint8) * 2 > q
        result[mask] = n
        fact["volume_ml"] = round(float(mask.sum()) * voxel_ml, 4)
    return result, [{"number": n, **f} for n, f in enumerate(facts, start=1)]
