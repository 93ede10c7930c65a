"""A patient with metastases on MR whose vertebrae have the shapes of real ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from SpineLib.phantom.acquisition import ChemicalShift, Motion
from SpineLib.phantom.case import PhantomCase, PhantomSettings, acquire_all
from SpineLib.phantom.physics import Sequence as Pulses
from SpineLib.phantom.readers import read_lesions
from SpineLib.phantom.shapes import VertebraShape
from SpineLib.phantom.tissues import Tissue
from SpineLib.phantom.trunk.case import build_trunk
from SpineLib.phantom.trunk.changes import draw_benign
from SpineLib.phantom.trunk.metastases import draw_metastases
from SpineLib.phantom.trunk.paint import acquire, draw_relaxation, kind_of
from SpineLib.phantom.trunk.stuff import MARROWS, Stuff
from SpineLib.volume import Volume
from SpineLib.volume.triples import triple

#: Columns: to posterior, to inferior, to the left; slices from right to left.
_DIRECTION = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
#: Tissue of the stuff that only a trunk has.
_TISSUES = dict.fromkeys((*MARROWS, Stuff.OTHER_MARROW, *range(Stuff.LESION_A, Stuff.MODIC_B + 1)), Tissue.MARROW)
_LEAST_FAT = 0.25


def simulate_of_shapes(seed: int, settings: PhantomSettings, shapes: Sequence[VertebraShape]) -> PhantomCase:
    """Simulate one patient; the same seed, settings and shapes give the same bytes.

    Of the settings count ``sequences``, ``slices``, ``randomised``, ``healthy``, ``metastases``, ``places`` and
    ``oversampling``; the field of view and the region are drawn.

    Args:
        seed: of everything random.
        settings: see :class:`SpineLib.phantom.case.PhantomSettings`.
        shapes: real vertebrae, without grey values, of which the column is built.
    """
    rng = np.random.default_rng(seed)
    wide = bool(rng.random() < settings.randomised)
    field_t = float(rng.choice([1.5, 3.0]))
    thick, pixel, q = float(rng.uniform(3.3, 4.8)), float(rng.uniform(0.9, 1.2)), settings.oversampling
    slices = settings.slices or int(rng.integers(13, 23))
    size = (float(rng.uniform(200, 340)), float(rng.uniform(180, 300)), slices * thick - 1e-3)
    trunk = build_trunk(rng, size, (pixel, pixel, thick / q), shapes, share=0.9)
    wanted = 0
    if rng.random() >= settings.healthy:
        wanted = int(rng.integers(settings.metastases[0], settings.metastases[1] + 1))
    patient = draw_relaxation(rng, field_t, _LEAST_FAT)
    kinds = {stuff: kind_of(patient, stuff) for stuff in (Stuff.LESION_A, Stuff.LESION_B)}
    numbers, facts = draw_metastases(trunk, wanted, settings.places, kinds)
    draw_benign(trunk, frozenset(fact["level"] for fact in facts))
    spacing = (pixel, pixel, thick)
    origin = triple(float(v) for v in (trunk.xs[:q].mean(), trunk.ys[0], trunk.zs[-1]))

    def take(sequence: Pulses, _: Motion) -> tuple[np.ndarray, ChemicalShift]:
        grey, aside = acquire(trunk.stuff, trunk.step, rng, patient, sequence, q)
        grey *= rng.uniform(300, 1500) / float(np.percentile(grey, 99))
        return _sagittal(np.clip(grey, 0, 32000).astype(np.int16)), aside

    names = settings.sequences
    arrays, sequences = acquire_all(rng, names, field_t, wide, moving=False, take=take, everyday=settings.everyday)
    images = {name: Volume(array, spacing, origin, _DIRECTION, name) for name, array in arrays.items()}

    def put(array: np.ndarray, name: str) -> Volume:
        return Volume(_sagittal(array), spacing, origin, _DIRECTION, name)

    lesions, facts = _on_slices(numbers, facts, q, float(np.prod(spacing)) / 1000)
    read = [read_lesions(rng, lesions.transpose(2, 0, 1), (thick, pixel, pixel)).transpose(1, 2, 0) for _ in range(2)]
    readers = [put(mask, f"reader {n}") for n, mask in enumerate(read, start=1)]
    middle = np.s_[..., q // 2 :: q]
    table = np.array(
        [_TISSUES.get(s, s if s in Tissue.__members__.values() else Tissue.ORGAN) for s in Stuff], np.uint8
    )
    truth = {
        "simulated": True,
        "seed": int(seed),
        "region": "drawn of real shapes",
        "field_t": field_t,
        "domain_randomised": wide,
        "sequences": sequences,
        "lesions": facts,
        "direction": _DIRECTION.tolist(),
        "mimics": [],
        "vertebrae": [{"level": v.level, "centre_lps_mm": [round(float(x), 3) for x in v.centre]} for v in trunk.spine],
    }
    vertebrae, tissue = put(trunk.instances[middle], "vertebrae"), put(table[trunk.stuff[middle]], "tissue")
    return PhantomCase(images, put(lesions, "lesions"), (readers[0], readers[1]), vertebrae, tissue, truth)


def _sagittal(array: np.ndarray) -> np.ndarray:
    """(z, y, x) as slices of rows from above to below."""
    return np.ascontiguousarray(array.transpose(2, 0, 1)[:, ::-1])


def _on_slices(numbers: np.ndarray, facts: list[dict], q: int, voxel_ml: float) -> tuple[np.ndarray, list[dict]]:
    """Numbers on the slices: a voxel is a lesion's that fills half of it; lesions of which none is left are dropped."""
    stacked = numbers.reshape(*numbers.shape[:2], -1, q)
    result = np.zeros(stacked.shape[:3], np.uint8)
    kept: list[dict] = []
    for n, fact in enumerate(facts, start=1):
        mask = (stacked == n).sum(axis=3) * 2 > q
        if mask.any():
            result[mask] = len(kept) + 1
            kept.append({"number": len(kept) + 1, **fact, "volume_ml": round(float(mask.sum()) * voxel_ml, 4)})
    return result, kept
