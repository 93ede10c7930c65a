"""From the drawn column to Hounsfield units and labels on the slices of the scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.phantom.ct.habitus import Habitus
from SpineLib.phantom.ct.lattice import Lattice
from SpineLib.phantom.ct.lesions import CtLesion
from SpineLib.phantom.ct.shapes import covered
from SpineLib.phantom.ct.skeleton import CANAL, DISC, OTHER, Skeleton
from SpineLib.phantom.fields import smooth_field

#: Edge of the repeating block of texture, voxels.
_TILE = 96


@dataclass(frozen=True)
class BoneDensity:
    """One patient's bone.

    Attributes:
        cortex: HU of compact bone.
        thick: thickness of the arch's cortex, mm; the body's walls are about half as thick (Ritzel et al., J Bone Miner
            Res 1997;12:89: 0.2 to 0.6 mm).
        spongy: HU of trabecular bone with its marrow.
        grain: amplitude of its texture, HU.
        arch: HU added in the arch, whose trabeculae are dense.
        disc: HU of the discs.
    """

    cortex: float
    thick: float
    spongy: float
    grain: float
    arch: float
    disc: float


def draw_density(rng: np.random.Generator) -> BoneDensity:
    """Bone from young to osteoporotic: dense bone has thick cortex."""
    quality = float(rng.beta(1.6, 1.6))
    spongy = 55 + 215 * quality + float(rng.normal(0, 15))
    return BoneDensity(
        cortex=float(rng.uniform(750, 1350)),
        thick=float(np.clip(0.45 + 0.55 * quality + rng.normal(0, 0.12), 0.35, 1.3)),
        spongy=spongy,
        grain=float(rng.uniform(40, 130)),
        arch=float(rng.uniform(60, 260)),
        disc=float(rng.uniform(60, 110)),
    )


class Texture:
    """Grain of trabecular bone: a block of noise that repeats in all directions."""

    def __init__(self, rng: np.random.Generator, step: tuple[float, float, float]):
        noise = rng.standard_normal((_TILE,) * 3, dtype=np.float32)
        total = np.zeros_like(noise)
        for grain, weight in ((0.45, 1.0), (1.4, 0.8)):
            blurred = ndimage.gaussian_filter(noise, [grain / s for s in step], mode="wrap", truncate=3)
            total += np.float32(weight) * blurred / blurred.std()
        self.tile = total / total.std()

    def at(self, first: tuple[int, int, int], shape: tuple[int, int, int]) -> np.ndarray:
        """The block of ``shape`` that begins at the voxel ``first``."""
        return self.tile[np.ix_(*((np.arange(n) + f) % _TILE for f, n in zip(first, shape)))]


def draw_inside(rng: np.random.Generator, skeleton: Skeleton, bone: BoneDensity) -> tuple[np.ndarray, np.ndarray]:
    """HU of trabecular bone, and thickness (mm) of the cortex, on the skeleton's lattice.

    Bodies have patches of fat, basivertebral veins, bone islands and haemangiomas; arches are denser and their cortex
    is thicker.
    """
    lattice = skeleton.lattice
    field = smooth_field(rng, lattice.shape, tuple(9 / s for s in lattice.step))
    marrow = bone.spongy * (1 + np.float32(rng.uniform(0.05, 0.3)) * field)
    shell = np.full(lattice.shape, 0.5, np.float32)
    for vertebra in skeleton.vertebrae:
        a, b, h = vertebra.half
        reach = np.array([a + 26, b + 40, h + 26])
        box = lattice.box(vertebra.centre - reach, vertebra.centre + reach)
        if box is None:
            continue
        u, v, w = lattice.part(box).local(vertebra.centre, vertebra.axes)
        back = np.clip((v - np.float32(b - 1)) / 3, 0, 1) * (np.abs(w) < h * 1.6)
        part = marrow[box]
        part += np.float32(bone.arch * 0.5) * back
        shell[box] = np.maximum(shell[box], 0.5 + 0.5 * back)
        if not vertebra.is_sacral:
            cleft = np.exp(-((u / 7) ** 2) - ((v - np.float32(0.75 * b)) / np.float32(0.45 * b)) ** 2 - (w / 2.2) ** 2)
            part -= np.float32(rng.uniform(0.2, 1.2) * bone.spongy) * cleft
        if rng.random() < 0.06:  # a bone island
            place = rng.uniform(-0.7, 0.7, 3) * vertebra.half
            near = sum((p - np.float32(c)) ** 2 for p, c in zip((u, v, w), place))
            part += np.float32(rng.uniform(300, 800)) * (near < rng.uniform(1.5, 4) ** 2)
        if rng.random() < 0.05:  # a haemangioma: fat between thick struts
            place = rng.uniform(-0.5, 0.5, 3) * vertebra.half
            near = np.sqrt(sum((p - np.float32(c)) ** 2 for p, c in zip((u, v, w), place)))
            struts = np.sin(u * 2.2) * np.sin(v * 2.2)
            weight = np.clip((rng.uniform(5, 11) - near) / 2, 0, 1) * (v < b)
            part += weight * (np.where(struts > 0.35, 380, -20) - part)
    return marrow, shell * np.float32(bone.thick) * np.clip(1 + 0.25 * field, 0.5, 1.6)


@dataclass
class Drawn:
    """The scan before the scanner.

    Attributes:
        hu: float32 (k, j, i).
        vertebrae, intact: uint8 VerSe numbers, with what the lesions took missing, and before the lesions.
        lesion: uint8, ids of ``lesions``.
        parts: uint8: body, arch, sacrum, disc, canal, other bone (``skeleton.BODY`` to ``OTHER``), 0 none of these.
    """

    hu: np.ndarray
    vertebrae: np.ndarray
    intact: np.ndarray
    lesion: np.ndarray
    parts: np.ndarray


@dataclass(frozen=True)
class Patient:
    """All that was drawn of one patient, each part on its own lattice."""

    skeleton: Skeleton
    marrow: np.ndarray
    shell: np.ndarray
    bone: BoneDensity
    habitus: Habitus
    around: Lattice
    other_bones: np.ndarray
    lesions: list[CtLesion]
    metal: np.ndarray | None = None


def take_slices(rng: np.random.Generator, patient: Patient, image: Lattice, sub: int) -> Drawn:
    """Hounsfield units and labels on ``image``'s slices, each the mean of ``sub`` thinner ones."""
    skeleton = patient.skeleton
    shape = image.shape
    out = Drawn(np.empty(shape, np.float32), *(np.zeros(shape, np.uint8) for _ in range(4)))
    pixel = image.step[2]
    box = image.box([axis[0] for axis in (skeleton.lattice.xs, skeleton.lattice.ys, skeleton.lattice.zs)],
                    [axis[-1] for axis in (skeleton.lattice.xs, skeleton.lattice.ys, skeleton.lattice.zs)])  # fmt: skip
    thickness = image.step[0]
    offsets = (np.arange(sub) - (sub - 1) / 2) * thickness / sub
    texture = Texture(rng, (thickness / sub, pixel, pixel))
    for first in range(0, shape[0], 8):
        rows = slice(first, min(first + 8, shape[0]))
        plane = Lattice(image.zs[rows], image.ys, image.xs)
        hu = patient.around.sample(patient.habitus.hu, plane)
        _add_other_bones(hu, out.parts[rows], patient, plane, pixel, texture, first)
        out.hu[rows] = hu
        if box is None:
            continue
        zs = (plane.zs[:, None] + offsets).ravel()
        fine = Lattice(zs, image.ys[box[1]], image.xs[box[2]])
        view = (rows, box[1], box[2])
        _draw_column(out, view, patient, fine, pixel, sub, texture, first)
    return out


def _add_other_bones(hu, parts, patient: Patient, plane: Lattice, pixel: float, texture: Texture, first: int) -> None:
    distance = patient.around.sample(patient.other_bones, plane)
    if distance.min() > 1:
        return
    full, inner = covered(distance, pixel), covered(distance + 0.8 * patient.bone.thick, pixel)
    grain = texture.at((first, 0, 0), distance.shape)
    value = inner * (patient.bone.spongy * 0.8 + 0.6 * patient.bone.grain * grain)
    parts[full > 0.5] = OTHER
    hu += value + (full - inner) * np.float32(0.85 * patient.bone.cortex) - full * hu


def _mean(array: np.ndarray, sub: int) -> np.ndarray:
    return array.reshape((-1, sub) + array.shape[1:]).mean(axis=1) if sub > 1 else array


def _draw_column(out: Drawn, view, patient: Patient, fine: Lattice, pixel: float, sub: int, texture, first) -> None:
    skeleton, bone = patient.skeleton, patient.bone
    lattice = skeleton.lattice
    width = max(pixel, 0.5)
    distance = lattice.sample(skeleton.distance, fine)
    grain = texture.at((first * sub, 0, 0), distance.shape)
    hu = np.repeat(out.hu[view], sub, axis=0)
    # Canal: epidural fat, the sac, the cord or its roots.
    canal = lattice.sample(skeleton.canal, fine)
    if canal.min() < 1:
        hu += covered(canal, width) * (np.float32(patient.habitus.fat + 15) - hu)
        hu += covered(canal + 1.8, 1.2) * (22 - hu)
        hu += covered(canal + 4.2, 1.2) * (38 - hu)
    disc = lattice.sample(skeleton.disc, fine)
    if disc.min() < 1:
        worn = lattice.sample(skeleton.disc_state, fine, nearest=True)
        value = np.float32(bone.disc) + 12 * grain
        value[(worn > 0.75) & (disc < -2) & (grain > 0.9)] = -300  # gas in a worn disc
        hu += covered(disc, width) * (value - hu)
    full = covered(distance, width)
    thick = lattice.sample(patient.shell, fine) * (1 + 0.22 * grain)
    inner = covered(distance + thick, width)
    marrow = lattice.sample(patient.marrow, fine)
    spongy = marrow + np.float32(bone.grain) * grain
    spongy += np.float32(0.5 * bone.spongy) * np.exp(np.minimum(distance, 0) / 1.5)
    hu += inner * spongy + (full - inner) * np.float32(bone.cortex) - full * hu
    middle = Lattice(fine.zs[sub // 2 :: sub], fine.ys, fine.xs)
    owner = lattice.sample(skeleton.owner, middle, nearest=True)
    share = _mean(full, sub)
    intact = np.where(share >= 0.5, owner, 0)
    gone = np.zeros_like(share)
    for number, lesion in enumerate(patient.lesions, start=1):
        _draw_lesion(out, view, hu, gone, number, lesion, patient, fine, distance, full, grain, sub)
    if patient.metal is not None:
        hu += covered(lattice.sample(patient.metal, fine), width) * (6000 - hu)
    out.hu[view] = _mean(hu, sub)
    out.intact[view] = intact
    out.vertebrae[view] = np.where(gone < 0.5 * share, intact, 0)
    out.parts[view] = _parts(skeleton, out.parts[view], out.vertebrae[view], middle, disc, canal, sub)


def _parts(skeleton: Skeleton, other, vertebrae, middle: Lattice, disc, canal, sub: int) -> np.ndarray:
    """Which part of the column each voxel shows; bone that is gone shows none."""
    parts = np.where((_mean(canal, sub) < 0) & (other == 0), CANAL, other)
    parts = np.where(_mean(disc, sub) < 0, DISC, parts)
    return np.where(vertebrae > 0, skeleton.lattice.sample(skeleton.part, middle, nearest=True), parts)


def _draw_lesion(out, view, hu, gone, number, lesion: CtLesion, patient, fine, distance, full, grain, sub) -> None:
    part = patient.skeleton.lattice.part(lesion.box)
    box = fine.box((part.xs[0], part.ys[0], part.zs[0]), (part.xs[-1], part.ys[-1], part.zs[-1]))
    if box is None:
        return
    # Whole slices, so that the mean over a slice's parts is that of all of them.
    rows = slice(box[0].start // sub * sub, -(-box[0].stop // sub) * sub)
    box = (rows, box[1], box[2])
    target = fine.part(box)
    shape = part.sample(lesion.shape, target)
    if lesion.spared:
        below = -(distance[box] + np.float32(lesion.spared))
        shape = np.minimum(shape, below * np.float32(0.2))
    weight = covered(-shape, 2 * lesion.edge)
    lysis = part.sample(lesion.lysis, target)
    bone = full[box]
    local = hu[box]
    taken = weight * lysis * np.float32(lesion.strength)
    tissue = np.float32(lesion.mass) + 6 * grain[box]
    dense = np.maximum(np.float32(lesion.dense) * (1 + 0.15 * grain[box]), local)
    local += weight * (1 - lysis) * bone * (dense - local)
    local += np.where(bone > 0.02, taken * bone + weight * (1 - bone), weight) * (tissue - local)
    # A box that begins below the fine lattice would not tell its slices' places.
    slices = slice(rows.start // sub, rows.stop // sub)
    gone[slices, box[1], box[2]] += _mean(taken * bone, sub)
    place = (slice(view[0].start + slices.start, view[0].start + slices.stop),
             slice(view[1].start + box[1].start, view[1].start + box[1].stop),
             slice(view[2].start + box[2].start, view[2].start + box[2].stop))  # fmt: skip
    out.lesion[place][_mean(weight, sub) > 0.5] = number
