"""One simulated patient's CT: the image, the vertebrae now and before the lesions, and what was drawn."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.phantom.ct.chain import draw_real_spine
from SpineLib.phantom.ct.densities import Drawn, Patient, draw_density, draw_inside, take_slices
from SpineLib.phantom.ct.habitus import draw_habitus
from SpineLib.phantom.ct.lattice import Lattice
from SpineLib.phantom.ct.lesions import draw_lesions
from SpineLib.phantom.ct.metal import draw_screws
from SpineLib.phantom.ct.otherbones import draw_other_bones
from SpineLib.phantom.ct.realshapes import Chain
from SpineLib.phantom.ct.scanner import acquire, draw_kernel, draw_table
from SpineLib.phantom.ct.skeleton import draw_skeleton
from SpineLib.phantom.lesions import METASTASES
from SpineLib.phantom.spine import Vertebra, draw_spine
from SpineLib.volume import Volume
from SpineLib.volume.levels import VERSE
from SpineLib.volume.told import MODALITY
from SpineLib.volume.triples import triple

#: Levels that may lie in the middle, by region.
CT_REGIONS = {
    "lumbar": ("L2", "L3", "L4"),
    "thoracolumbar": ("T11", "T12", "L1"),
    "thoracic": ("T4", "T5", "T6", "T7", "T8", "T9"),
    "cervicothoracic": ("C7", "T1", "T2"),
    "cervical": ("C5", "C6"),
}
_SHARES = (0.42, 0.2, 0.24, 0.07, 0.07)


@dataclass(frozen=True)
class CtSettings:
    """What to simulate.

    Attributes:
        matrix: rows and columns of an axial slice; None draws 256, 320, 384 or 512.
        slices: number of axial slices; None draws what 80 to 260 mm take.
        thickness: of a slice, mm; None draws 0.7 to 3.
        spacing: in a slice, mm; None draws a field of view of 130 to 400 mm.
        region: one of CT_REGIONS; None draws one.
        healthy: share of patients without a metastasis.
        metastases: least and most metastases of the others, at most one a vertebra.
        kinds: of the metastases.
        metal: share of patients with pedicle screws.
        sagittal: share of scans stored as sagittal slices of about 3 mm, as some archives hold them.
        arch: share of the metastases, all lytic, that take a pedicle or half the arch, beside those drawn anywhere.
        step: of the lattice on which the column is drawn, mm.
        megavoxels: most voxels (in millions) of a drawn geometry.
    """

    matrix: int | None = None
    slices: int | None = None
    thickness: float | None = None
    spacing: float | None = None
    region: str | None = None
    healthy: float = 0.1
    metastases: tuple[int, int] = (1, 3)
    kinds: tuple[str, ...] = METASTASES
    metal: float = 0.04
    sagittal: float = 0.08
    arch: float = 0.0
    step: float = 0.95
    megavoxels: float = 12.0


@dataclass(frozen=True)
class CtPhantom:
    """A simulated patient; all volumes lie on one grid.

    Attributes:
        ct: int16, HU.
        vertebrae: uint8 VerSe numbers of the bone as it is.
        intact: uint8 VerSe numbers of the vertebrae before the lesions.
        lesion: uint8 lesion numbers, 1 to n in the order of ``truth["lesions"]``; with the soft-tissue masses.
        parts: uint8, 1 body, 2 arch, 3 sacrum, 4 disc, 5 canal, 6 other bone, 0 none of these.
        truth: everything that was drawn, ready for JSON.
    """

    ct: Volume
    vertebrae: Volume
    intact: Volume
    lesion: Volume
    parts: Volume
    truth: dict = field(default_factory=dict)


def simulate_ct(seed: int, settings: CtSettings = CtSettings(), chains: tuple[Chain, ...] = ()) -> CtPhantom:
    """Simulate one patient's CT. The same seed, settings and chains give the same bytes.

    No image of a patient goes in; with ``chains`` real vertebrae's shapes do (``realshapes.read_chains``).
    """
    _check(settings)
    rng = np.random.default_rng(seed)
    region = settings.region or str(rng.choice(list(CT_REGIONS), p=_SHARES))
    spine, image = _draw_geometry(rng, region, settings, chains)
    patient, contrast = _draw_patient(rng, spine, image, settings)
    thickness = image.step[0]
    drawn = take_slices(rng, patient, image, max(1, int(np.ceil(thickness / 1.1))))
    kernel = draw_kernel(rng, thickness)
    metal = drawn.hu > 3500 if patient.metal is not None else None
    ct = acquire(rng, drawn.hu, image, kernel, metal)
    if rng.random() < 0.08:  # some scanners leave the corners outside the field of view empty
        x, y = np.meshgrid(image.xs - image.xs.mean(), image.ys - image.ys.mean())
        ct[:, np.hypot(x, y) > 0.5 * (image.xs[-1] - image.xs[0])] = -1024
    volumes = _volumes(rng, ct, drawn, image, settings)
    truth = {
        "simulated": True,
        "real_shapes": bool(chains),
        "seed": int(seed),
        "region": region,
        "contrast_agent": contrast,
        "kernel": kernel.to_dict(),
        "metal": metal is not None and bool(metal.any()),
        "spacing_mm": [round(s, 4) for s in volumes[0].spacing],
        "vertebrae": _vertebra_facts(volumes[2]),
        "lesions": _lesion_facts(patient, volumes),
    }
    return CtPhantom(volumes[0], volumes[1], volumes[2], volumes[3], volumes[4], truth)


def _check(settings: CtSettings) -> None:
    """Refuse what no scan has."""
    ranges = (("matrix", 16, 2048, ""), ("slices", 4, 4000, ""), ("thickness", 0.3, 10, " mm"),
              ("spacing", 0.1, 5, " mm"))  # fmt: skip
    for name, least, most, unit in ranges:
        value = getattr(settings, name)
        if value is not None and not least <= value <= most:
            raise SpineError(f"The {name} of the simulated CT is {value:g}{unit}; choose {least:g} to {most:g}{unit}.")
    if settings.region is not None and settings.region not in CT_REGIONS:
        raise SpineError(f"There is no region '{settings.region}'; choose of {', '.join(CT_REGIONS)}.")


def _draw_geometry(
    rng, region: str, settings: CtSettings, chains: tuple[Chain, ...] = ()
) -> tuple[list[Vertebra], Lattice]:
    """The column around the origin and the scan's slices."""
    thickness = settings.thickness or float(rng.choice([0.7, 0.8, 1.0, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0]))
    matrix = settings.matrix or int(rng.choice([256, 320, 384, 512], p=[0.4, 0.25, 0.15, 0.2]))
    wide = rng.choice([rng.uniform(130, 200), rng.uniform(200, 300), rng.uniform(300, 420)], p=[0.4, 0.35, 0.25])
    cropped = rng.random() < 0.06
    if cropped:
        wide = rng.uniform(75, 115)
    pixel = settings.spacing or float(np.clip(wide / matrix, 0.3, 1.05))
    wide = pixel * matrix
    slices = settings.slices
    if slices is None:
        most = int(settings.megavoxels * 1e6 / matrix**2)
        slices = int(np.clip(rng.uniform(80, 260) / thickness, 12, most))
    reach = 0.5 * slices * thickness
    level = str(rng.choice(CT_REGIONS[region]))
    spine = draw_real_spine(rng, chains, level, reach + 70) if chains else draw_spine(rng, level, reach + 70)
    _lay_down(rng, spine)
    seen = [v for v in spine if abs(v.centre[2]) < reach] or spine
    middle = np.mean([v.centre[:2] for v in seen], axis=0)
    # A small field of view is centred on the column, a large one on the body, in whose back the column lies.
    body = np.clip((wide - 190) / 160, 0, 1)
    centre = middle + np.array([rng.normal(0, 5), 24 - 58 * body + rng.normal(0, 6)])
    if cropped:
        centre += rng.uniform(10, 30) * rng.choice([-1, 1]) * np.array([1, 0.3])
    steps = (np.arange(matrix) - (matrix - 1) / 2) * pixel
    zs = (np.arange(slices) - (slices - 1) / 2) * thickness
    return spine, Lattice(zs, centre[1] + steps, centre[0] + steps)


def _lay_down(rng, spine: list[Vertebra]) -> None:
    """Lay the patient on the table: the lordosis flattens a little, the trunk rolls and turns."""
    roll, nod, lean = np.deg2rad(rng.normal(0, (4.0, 4.0, 2.5)))
    c, s = np.cos(roll), np.sin(roll)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    c, s = np.cos(nod), np.sin(nod)
    turn = turn @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(lean), np.sin(lean)
    turn = turn @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    for vertebra in spine:
        vertebra.centre = turn @ vertebra.centre
        vertebra.axes = vertebra.axes @ turn.T


def _draw_patient(rng, spine: list[Vertebra], image: Lattice, settings: CtSettings) -> tuple[Patient, bool]:
    low, high = (np.array([axis[end] for axis in (image.xs, image.ys, image.zs)]) for end in (0, -1))
    near = [v for v in spine if low[2] - 15 < v.centre[2] < high[2] + 15]
    if not near:
        raise SpineError("The scan's slices show no vertebra; choose more or thicker slices.")
    centres = np.array([v.centre for v in near])
    wide = 68 if any(v.level.startswith(("L", "S")) for v in near) else 60
    bottom = np.maximum(low, [centres[:, 0].min() - wide, centres[:, 1].min() - 48, low[2] - 4])
    top = np.minimum(high, [centres[:, 0].max() + wide, centres[:, 1].max() + 96, high[2] + 4])
    bottom[2], top[2] = low[2] - 4, high[2] + 4
    if (top - bottom).min() < 5:
        raise SpineError("The scan shows too little of the column; choose a larger matrix or spacing.")
    contrast = bool(rng.random() < 0.45)
    skeleton = draw_skeleton(rng, spine, Lattice.over(bottom, top, settings.step))
    bone = draw_density(rng)
    inside = draw_inside(rng, skeleton, bone)
    step = max(1.5, image.step[2], (high[0] - low[0]) / 210)
    around = Lattice.over(low - [3, 3, 2], high + [3, 3, 2], (step, step, max(1.8, image.step[0])))
    habitus = draw_habitus(rng, around, spine, contrast)
    draw_table(rng, habitus.hu, around)
    other = draw_other_bones(rng, around, spine, habitus)
    apart = np.float32(rng.uniform(0.8, 2.2)) - skeleton.lattice.sample(skeleton.distance, around)
    shared = _inside(skeleton.lattice, around)
    other[shared] = np.maximum(other[shared], apart[shared])
    lesions = []
    if rng.random() >= settings.healthy:
        wanted = int(rng.integers(settings.metastases[0], settings.metastases[1] + 1))
        hosts = [v for v in near if low[2] + 6 < v.centre[2] < high[2] - 6 and v.level not in ("S3", "S4", "S5")]
        lesions = draw_lesions(rng, skeleton, hosts, wanted, settings.kinds, contrast, settings.arch)
    metal = draw_screws(rng, skeleton, near) if rng.random() < settings.metal else None
    return Patient(skeleton, *inside, bone, habitus, around, other, lesions, metal), contrast


def _inside(inner: Lattice, outer: Lattice) -> tuple:
    """The index box of ``outer`` that lies in ``inner``."""
    axes = (inner.xs, inner.ys, inner.zs)
    return outer.box([a[0] for a in axes], [a[-1] for a in axes]) or (slice(0, 0),) * 3


def _volumes(rng, ct, drawn: Drawn, image: Lattice, settings: CtSettings) -> list[Volume]:
    """Image and label maps of a drawn scan."""
    arrays = [ct, drawn.vertebrae, drawn.intact, drawn.lesion, drawn.parts]
    names = ("CT", "vertebrae", "intact vertebrae", "lesions", "parts")
    spacing = triple(image.step[::-1])
    shift = rng.normal(0, 40, 3)
    first = np.array([image.xs[0], image.ys[0], image.zs[0]])
    direction = np.eye(3)
    if rng.random() < settings.sagittal:
        arrays, first, spacing, direction = _reformat(arrays, image)
    elif rng.random() < 0.15:  # from head to feet
        arrays = [a[::-1] for a in arrays]
        first = first + [0, 0, image.zs[-1] - image.zs[0]]
        direction = np.diag([1.0, 1.0, -1.0])
    origin = triple(float(v) for v in first + shift)
    told = {MODALITY: "CT"}
    return [Volume(np.ascontiguousarray(a), spacing, origin, direction, n, told) for a, n in zip(arrays, names)]


def _reformat(arrays: list[np.ndarray], image: Lattice) -> tuple:
    """Sagittal slices of about 3 mm, from right to left: columns are averaged, labels take a slice's middle."""
    pixel = image.step[2]
    q = max(1, round(3.0 / pixel))
    count = len(image.xs) // q
    ct = arrays[0][:, :, : count * q].reshape(arrays[0].shape[:2] + (count, q)).mean(axis=3)
    arrays = [np.rint(ct).astype(np.int16), *(a[:, :, q // 2 : count * q : q] for a in arrays[1:])]
    arrays = [a.transpose(2, 0, 1)[:, ::-1] for a in arrays]  # (slice to the left, down, back)
    first = np.array([image.xs[0] + (q - 1) / 2 * pixel, image.ys[0], image.zs[-1]])
    # Index axes i, j, k run backwards, downwards and to the left.
    direction = np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]])
    return arrays, first, (image.step[1], image.step[0], q * pixel), direction


def _vertebra_facts(intact: Volume) -> list[dict]:
    """Of every vertebra in the image: number, level, centre, volume, and whether the image cuts it."""
    facts = []
    for number in np.unique(intact.array)[1:]:
        mask = intact.array == number
        index = np.array([where.mean() for where in np.nonzero(mask)])[::-1]
        edge = any(mask.take(end, axis=axis).any() for axis in range(3) for end in (0, -1))
        facts.append(
            {
                "label": int(number),
                "level": VERSE[int(number)],
                "centre_lps_mm": _place(intact, index),
                "volume_ml": round(float(mask.sum()) * intact.voxel_volume_ml, 3),
                "touches_border": bool(edge),
            }
        )
    return facts


def _lesion_facts(patient: Patient, volumes: list[Volume]) -> list[dict]:
    """Facts of the lesions; one that no voxel shows has a volume of 0."""
    _, now, intact, lesions, _ = volumes
    facts = []
    for number, lesion in enumerate(patient.lesions, start=1):
        mask = lesions.array == number
        fact = {"number": number, **lesion.facts, "volume_ml": round(float(mask.sum()) * lesions.voxel_volume_ml, 3)}
        lost = (intact.array == lesion.facts["label"]) & (now.array == 0) & mask
        fact["bone_lost_ml"] = round(float(lost.sum()) * lesions.voxel_volume_ml, 3)
        mass = mask & (intact.array == 0)
        fact["mass_ml"] = round(float(mass.sum()) * lesions.voxel_volume_ml, 3)
        if mask.any():
            where = np.array([(axis.min(), axis.max()) for axis in np.nonzero(mask)])[::-1]
            fact["centre_lps_mm"] = _place(lesions, where.mean(axis=1))
            sizes = (where[:, 1] - where[:, 0] + 1) * np.array(lesions.spacing)
            fact["box_mm"] = [round(float(s), 2) for s in sizes]
        facts.append(fact)
    return facts


def _place(volume: Volume, index: np.ndarray) -> list[float]:
    return [round(float(v), 3) for v in (volume.ijk_to_lps @ np.append(index, 1))[:3]]
