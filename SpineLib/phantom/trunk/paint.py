"""Paint a map of stuff as MR sees it: another scanner and another sequence each time.

A quarter of the images has any contrast at all (Billot et al., SynthSeg, Med Image Anal 2023;86:102789), the others
that of a T1, T2, STIR or contrast-enhanced T1 by the signal equations.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SpineLib.phantom.acquisition import ChemicalShift
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.physics import PROTOCOLS, Sequence, draw_sequence, signal
from SpineLib.phantom.tissues import FAT_T1_MS, FAT_T2_MS, TABLE, Tissue, TissueMaps, TissueProperties
from SpineLib.phantom.trunk.stuff import Stuff

#: What is not in the table of tissues. Rounded assumptions that give the usual look.
_MORE: dict[Stuff, TissueProperties] = {
    Stuff.LIVER: TABLE[Tissue.ORGAN],
    Stuff.BOWEL_WALL: TissueProperties(0.8, (1000, 1300), (60, 55), uptake=0.3, texture=0.15),
    Stuff.BLADDER: TissueProperties(1.0, (3000, 3300), (900, 800), texture=0.05),
    Stuff.FLOW_VOID: TissueProperties(0.15, (1441, 1932), (90, 80), uptake=1.0, texture=0.5),
    Stuff.KIDNEY: TissueProperties(0.85, (950, 1150), (85, 80), uptake=0.6, texture=0.08),
    Stuff.SPLEEN: TissueProperties(0.85, (1050, 1300), (75, 65), uptake=0.4, texture=0.06),
    Stuff.STOOL: TissueProperties(0.6, (600, 700), (40, 35), fat=0.15, texture=0.35),
    Stuff.BOWEL_FLUID: TissueProperties(1.0, (2000, 2400), (350, 300), texture=0.15),
    Stuff.GAS: TissueProperties(0.0, (1000, 1000), (50, 50), texture=0.0),
    Stuff.UTERUS: TissueProperties(0.85, (1200, 1450), (75, 70), uptake=0.4, texture=0.08),
    Stuff.UTERUS_INSIDE: TissueProperties(0.95, (1500, 1700), (170, 150), uptake=0.1, texture=0.08),
    Stuff.PROSTATE: TissueProperties(0.8, (1100, 1350), (70, 65), uptake=0.3, texture=0.15),
    Stuff.BLOOD: TissueProperties(0.8, (1441, 1932), (150, 120), uptake=1.0, texture=0.25),
    Stuff.HAEMANGIOMA: TissueProperties(0.9, (1100, 1250), (120, 110), fat=0.55, uptake=0.3, texture=0.12),
    Stuff.FACET: TissueProperties(0.85, (1300, 1500), (70, 60), texture=0.2),
    Stuff.CYST: TissueProperties(1.0, (3000, 3200), (900, 800), texture=0.03),
    Stuff.BRAIN: TABLE[Tissue.CORD],
    Stuff.FATTY_MUSCLE: TissueProperties(0.8, (950, 1200), (45, 48), fat=0.45, uptake=0.08, texture=0.2),
    Stuff.BOWEL_MIXED: TissueProperties(0.8, (900, 1100), (90, 80), fat=0.1, uptake=0.05, texture=0.6),
}
#: Stuff that looks alike most of the time, in images of any contrast too.
_ALIKE = (
    (Stuff.MARROW, Stuff.ARCH_MARROW, Stuff.SACRAL_MARROW, Stuff.OTHER_MARROW),
    (Stuff.SUBCUTANEOUS_FAT, Stuff.VISCERAL_FAT, Stuff.EPIDURAL_FAT),
    (Stuff.CORTEX, Stuff.LIGAMENT),
    (Stuff.CSF, Stuff.BLADDER, Stuff.CYST),
    (Stuff.AIR, Stuff.GAS, Stuff.LUNG),
    (Stuff.CORD, Stuff.NERVE),
)
_WATER_OF_MARROW = TissueProperties(0.8, (900, 1050), (50, 45), fat=0.45, uptake=0.1, texture=0.1)


def paint(tissues: np.ndarray, spacing: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    """An image of a map of stuff.

    Args:
        tissues: uint8, (z, y, x), :class:`SpineLib.phantom.trunk.stuff.Stuff`.
        spacing: mm along (z, y, x).
        rng: source of randomness.

    Returns:
        Grey values, float32, of no fixed scale.
    """
    water, fat = (_any_contrast if rng.random() < 0.25 else _physical)(tissues, spacing, rng)
    shift = rng.normal(0, 0.5, 2) if rng.random() < 0.7 else (0.0, 0.0)
    return _finished(water, fat, shift, spacing, rng)


def _finished(water: np.ndarray, fat: np.ndarray, shift, spacing, rng) -> np.ndarray:
    """Water and fat as the scanner shows them together, the fat ``shift`` voxels along (z, y) aside of where it is."""
    # The layers of cortex are thinner than a voxel.
    blur = float(rng.uniform(0.25, 0.75))
    image = ndimage.gaussian_filter(water, (blur, blur, rng.uniform(0, 0.35)))
    fat = ndimage.gaussian_filter(fat, (blur, blur, rng.uniform(0, 0.35)))
    image += ndimage.shift(fat, (*shift, 0.0), order=1, mode="nearest") if any(shift) else fat
    if rng.random() < 0.25:
        image = _ringing(image, rng)
    image *= _coil(image.shape, spacing, rng)
    top = float(np.percentile(image, 99)) + 1e-6
    noise = top * float(rng.choice([0.004, 0.01, 0.02, 0.04])) * rng.uniform(0.5, 1.5)
    real, imaginary = (rng.standard_normal(image.shape, dtype=np.float32) * np.float32(noise) for _ in range(2))
    return np.sqrt((image + real) ** 2 + imaginary**2).astype(np.float32)


def _textured(values: np.ndarray, grain: np.ndarray, tissues, spacing, rng) -> np.ndarray:
    fine = smooth_field(rng, tissues.shape, tuple(2.2 / s for s in spacing))
    coarse = smooth_field(rng, tissues.shape, tuple(10 / s for s in spacing))
    texture = 1 + (0.8 * fine + 0.6 * coarse) * grain.astype(np.float32)[tissues]
    return np.maximum(values.astype(np.float32)[tissues] * texture, 0)


def _any_contrast(tissues, spacing, rng) -> tuple[np.ndarray, np.ndarray]:
    count = len(Stuff)
    grey = rng.uniform(0, 1, count) ** rng.uniform(0.7, 1.5)
    for group in _ALIKE:
        if rng.random() < 0.8:
            grey[list(group)] = np.clip(grey[group[0]] * np.exp(rng.normal(0, 0.1, len(group))), 0, 1)
    if rng.random() < 0.85:
        grey[[Stuff.AIR, Stuff.GAS]] = rng.uniform(0, 0.05)
    if rng.random() < 0.8:  # cortex and ligament are dark on nearly every scan
        grey[[Stuff.CORTEX, Stuff.LIGAMENT]] = rng.uniform(0, 0.25, 2)
    # What is one bone should differ from the disc beside it.
    while abs(grey[Stuff.MARROW] - grey[Stuff.ANNULUS]) < 0.12:
        grey[Stuff.ANNULUS] = rng.uniform(0, 1)
    values = _textured(grey, np.clip(rng.uniform(0.02, 0.15, count), 0, 1), tissues, spacing, rng)
    return values, np.zeros_like(values)


def _physical(tissues, spacing, rng) -> tuple[np.ndarray, np.ndarray]:
    """Water and fat images by the signal equations."""
    field_t = float(rng.choice([1.5, 3.0]))
    name = str(rng.choice(list(PROTOCOLS), p=_odds()))
    sequence: Sequence = draw_sequence(rng, name, field_t, bool(rng.random() < 0.5))
    patient = draw_relaxation(rng, field_t)
    left = sequence.fat_left
    if name == "T2" and rng.random() < 0.12:  # a T2 with fat suppression
        left = rng.uniform(0.05, 0.3)
    grain = patient.texture * rng.uniform(0.5, 1.5)
    water, fat = _signals(patient, sequence, left)
    return _textured(water, grain, tissues, spacing, rng), _textured(fat, grain, tissues, spacing, rng)


def _signals(patient: TissueMaps, sequence: Sequence, fat_left: float) -> tuple[np.ndarray, np.ndarray]:
    """Signal of the water and of the fat in each stuff."""
    water = signal(sequence, patient.pd * (1 - patient.fat), patient.t1, patient.t2, patient.uptake, patient.field_t)
    t1, t2 = (np.full(len(Stuff), value) for value in (patient.fat_t1, patient.fat_t2))
    return water, signal(sequence, patient.pd * patient.fat, t1, t2) * fat_left


def draw_relaxation(rng: np.random.Generator, field_t: float, least_fat: float = 0.15) -> TissueMaps:
    """Draw a patient's tissues, arrays over :class:`Stuff`; the marrow has ``least_fat`` or more of fat, as a share."""
    column = 0 if field_t < 2.2 else 1
    rows = [_properties(stuff) for stuff in Stuff]
    spread = rng.choice([0.08, 0.2])
    vary = lambda values, s: np.asarray(values, float) * np.exp(rng.normal(0, s, len(rows)))  # noqa: E731
    pd, t1 = np.clip(vary([r.pd for r in rows], spread / 2), 0, 1.1), vary([r.t1[column] for r in rows], spread)
    t2, uptake = vary([r.t2[column] for r in rows], spread), vary([r.uptake for r in rows], 0.3)
    share = np.array([r.fat for r in rows])
    share[list(_ALIKE[0])] = np.clip(rng.uniform(least_fat, 0.8) + rng.normal(0, 0.06, 4), 0.05, 0.9)
    _foci(rng, pd, t1, t2, share, uptake)
    if rng.random() < 0.3:  # flow darkens the sac
        pd[Stuff.CSF] *= rng.uniform(0.5, 1)
    fat_t1, fat_t2 = FAT_T1_MS[column] * np.exp(rng.normal(0, 0.1)), FAT_T2_MS[column] * np.exp(rng.normal(0, 0.2))
    texture = np.array([r.texture for r in rows])
    return TissueMaps(pd, t1, t2, share, uptake, texture, float(fat_t1), float(fat_t2), field_t)


def acquire(
    tissues: np.ndarray,
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
    patient: TissueMaps,
    sequence: Sequence,
    oversampling: int,
) -> tuple[np.ndarray, ChemicalShift]:
    """An image of one patient by one sequence.

    Args:
        tissues: as in :func:`paint`, with ``oversampling`` planes along x for each slice.
        spacing: of ``tissues``, mm along (z, y, x).
        rng: source of randomness.
        patient: of :func:`draw_relaxation`.
        sequence: of :func:`SpineLib.phantom.physics.draw_sequence`.
        oversampling: planes that one slice takes together.

    Returns:
        Grey values, float32, of no fixed scale, (z, y, slice); how far aside fat is seen.
    """
    aside = ChemicalShift(float(rng.normal(0, 0.8)), bool(rng.random() < 0.5))
    shift = (-aside.voxels, 0.0) if aside.down_rows else (0.0, aside.voxels)
    grain = patient.texture * rng.uniform(0.5, 1.5)
    water, fat = (
        _textured(values, grain, tissues, spacing, rng)
        .reshape(*tissues.shape[:2], -1, oversampling)
        .mean(axis=3, dtype=np.float32)
        for values in _signals(patient, sequence, sequence.fat_left)
    )
    return _finished(water, fat, shift, (*spacing[:2], spacing[2] * oversampling), rng), aside


def _odds() -> list[float]:
    weights = {"T1": 0.3, "T2": 0.35, "STIR": 0.2, "ceT1": 0.15}
    odds = np.array([weights.get(name, 0.1) for name in PROTOCOLS])
    return list(odds / odds.sum())


def _properties(stuff: Stuff) -> TissueProperties:
    if stuff in _MORE:
        return _MORE[stuff]
    if stuff <= Stuff.LUNG:
        return TABLE[Tissue(int(stuff))]
    return _WATER_OF_MARROW


def _foci(rng, pd, t1, t2, share, uptake) -> None:
    """Metastases (lytic or sclerotic) and Modic changes (oedema, fat or sclerosis) of this image."""
    for stuff in (Stuff.LESION_A, Stuff.LESION_B):
        if rng.random() < 0.6:
            pd[stuff], t1[stuff], t2[stuff] = 0.85, rng.uniform(1100, 1700), rng.uniform(70, 160)
        else:
            pd[stuff], t1[stuff], t2[stuff] = rng.uniform(0.2, 0.55), rng.uniform(800, 1200), rng.uniform(12, 35)
        share[stuff], uptake[stuff] = rng.uniform(0, 0.15), rng.uniform(0.05, 0.8)
    for stuff in (Stuff.MODIC_A, Stuff.MODIC_B):
        kind = int(rng.integers(1, 4))
        share[stuff] = (0.15, 0.85, 0.1)[kind - 1]
        t2[stuff] = (110, 60, 20)[kind - 1]
        pd[stuff] = (0.85, 0.8, 0.4)[kind - 1]
        uptake[stuff] = (0.4, 0.05, 0.05)[kind - 1]


def kind_of(patient: TissueMaps, stuff: Stuff) -> str:
    """Whether a metastasis is "lytic" or "sclerotic" in this patient."""
    return "sclerotic" if patient.t2[stuff] < 50 else "lytic"


def _ringing(image: np.ndarray, rng) -> np.ndarray:
    """Truncated k-space along the rows."""
    axis = int(rng.integers(2))
    n = image.shape[axis]
    keep = int(n * rng.uniform(0.55, 0.95)) // 2
    spectrum = np.fft.rfft(image, axis=axis)
    index = [slice(None)] * 3
    index[axis] = slice(keep + 1, None)
    spectrum[tuple(index)] = 0
    return np.abs(np.fft.irfft(spectrum, n, axis=axis)).astype(np.float32)


def _coil(shape, spacing, rng) -> np.ndarray:
    """Sensitivity: elements behind the back that end above and below, and saturation bands over the belly."""
    z, y, x = (np.arange(n, dtype=np.float32) * np.float32(s) for n, s in zip(shape, spacing))
    bias = np.exp(np.float32(rng.uniform(0, 0.3)) * smooth_field(rng, shape, tuple(110 / s for s in spacing)))
    if rng.random() < 0.75:
        bias = bias * np.exp((y - y[-1]) / np.float32(rng.uniform(60, 260)))[None, :, None]
    if rng.random() < 0.5:  # the coil's ends
        for end in (z[0], z[-1]):
            near = np.abs(z - end)
            bias = bias * (1 - rng.uniform(0, 0.85) * np.exp(-near / np.float32(rng.uniform(15, 70))))[:, None, None]
    if rng.random() < 0.3:  # single elements show as bands
        wave = 1 + rng.uniform(0.05, 0.3) * np.sin(2 * np.pi * (z / np.float32(rng.uniform(60, 130)) + rng.random()))
        bias = bias * wave[:, None, None]
    if rng.random() < 0.35:
        edge = y[0] + (y[-1] - y[0]) * np.float32(rng.uniform(0.1, 0.5))
        band = 1 / (1 + np.exp(-(y - edge - rng.normal(0, 0.1) * (z[:, None] - z.mean())) / 4))
        bias = bias * (rng.uniform(0.05, 0.5) + band * (1 - 0.3))[:, :, None]
    return bias.astype(np.float32)
