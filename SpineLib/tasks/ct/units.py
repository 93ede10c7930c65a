"""Whether the values of a CT are Hounsfield units, told by where air, fat, soft tissue and bone lie."""

from __future__ import annotations

import numpy as np

#: Nothing in or around a body is below this: what is was put there by scanners and programs (-2000, -3024).
PADDING_HU = -1100.0
#: Every CT of a body has fat, marrow, lung or air at or below this; masks and windowed pictures have not.
SOFT_HU = -30.0
#: Share of the voxels that must be so. Crops of 48 mm within bone and muscle have 0.03 or more; of magnitude MR, what
#: splines leave below zero is 0.017 or less.
SOFT_SHARE = 0.02
#: Soft tissue, and the share of the voxels that it has at least: of ten real CTs and crops of them 0.2 to 0.9.
TISSUE_HU, TISSUE_SHARE = (-150.0, 150.0), 0.1
#: Where it lies when the rescale intercept was lost or applied twice, and the share that tells: real CTs have 0.01 of
#: it above, where dense bone is. Below lies air, which has a share of its own.
INTERCEPT_HU, SHIFTED_SHARE = 1024.0, 0.1
#: Cortical bone is denser than this, even at 3 mm voxels.
BONE_HU = 150.0
#: Denser than enamel and cortical bone: metal.
METAL_HU = 3000.0
#: Air is not below this even with noise of 120 HU; as padding at most this many values are, each with that share of
#: what lies there.
_NO_AIR_HU, _NO_AIR_SHARE, _PADDING_SHARE = -1400.0, 0.05, 0.1
#: Of ten real CTs, 180 crops of them of 60 to 80 mm, and copies with noise of 60 and 120 HU: at most 0.09 of what is as
#: dense as bone is as dense as metal (beside screws), at least 0.46 of what is no air is soft tissue.
_METAL_SHARE, _BODY_SHARE, _BODY_HU = 0.03, 0.3, -300.0
#: Fat, and where it lies when values were doubled: of the same CTs the second has at most 1.1 times the first.
_FAT_HU, _DOUBLED_HU, _DOUBLED, _DOUBLED_SHARE = (-130.0, -60.0), (-260.0, -140.0), 1.4, 0.03
#: Where air lies when values were halved, and the least of a thousand values, which lungs go below.
_HALVED_HU, _HALVED_SHARE, _LUNG_HU = (-600.0, -400.0), 0.1, -700.0
#: As much as bone lies above soft tissue lies below it in an inverted CT, and neither lung nor air explains it.
_SPONGY_HU, _AS_SPONGY_HU, _AS_LUNG_HU, _AS_AIR_HU = (180.0, 400.0), (-400.0, -180.0), (-850.0, -650.0), -950.0
_INVERTED, _INVERTED_SHARE = 3.0, 0.03
#: So many voxels tell how the values lie.
_ENOUGH = 2_000_000


class _Shares:
    """Shares of the voxels within limits."""

    def __init__(self, values: np.ndarray):
        self.values = values

    def __call__(self, low: float, high: float = np.inf) -> float:
        return float(np.count_nonzero((self.values >= low) & (self.values <= high)) / self.values.size)

    def within(self) -> _Shares:
        """Those of what lies above the lowest value, at which a copy for a window of grey values holds all below."""
        return _Shares(self.values[self.values > self.values.min()])


def wrong_units(array: np.ndarray) -> str:
    """What contradicts Hounsfield units in how the values lie, padding left out; "" for nothing."""
    values = _some(array)
    low = values[values < _NO_AIR_HU]
    counts = np.unique(np.round(low), return_counts=True)[1]
    no_padding = int(counts[counts <= _PADDING_SHARE * low.size].sum())
    share = _Shares(values[values > PADDING_HU])
    if not share.values.size:
        return "nothing above the padding"
    tissue = share(*TISSUE_HU)
    above, below = (share(*(limit + sign * INTERCEPT_HU for limit in TISSUE_HU)) for sign in (1, -1))
    if above > SHIFTED_SHARE and above > share(-200.0, SOFT_HU):
        return "soft tissue lies near 1000 HU instead of 0: the rescale intercept was lost on the way"
    if tissue < TISSUE_SHARE and below > max(SHIFTED_SHARE, 10 * tissue):
        return "soft tissue lies near -1000 HU instead of 0: the rescale intercept was applied twice"
    if share(PADDING_HU, SOFT_HU) < SOFT_SHARE:
        return f"hardly anything at or below {SOFT_HU:.0f} HU, where fat and air lie"
    if tissue < TISSUE_SHARE:
        return "hardly anything near 0 HU, where soft tissue lies"
    if array.max() < BONE_HU:
        return f"nothing above {BONE_HU:.0f} HU, where bone lies"
    if no_padding > _NO_AIR_SHARE * values.size:
        return f"many different values below {_NO_AIR_HU:.0f} HU, where nothing lies: they were multiplied on the way"
    if share(METAL_HU) > _METAL_SHARE * share(BONE_HU) and tissue < _BODY_SHARE * share(_BODY_HU):
        return "far more as dense as metal and far less as soft tissue than in a body: they were multiplied on the way"
    share = share.within()
    if np.percentile(share.values, 0.1) > _LUNG_HU and share(*_HALVED_HU) > _HALVED_SHARE:
        return "air lies near -500 HU instead of -1000: they were divided on the way"
    explained = max(share(*_SPONGY_HU), share(*_AS_LUNG_HU), share(-np.inf, _AS_AIR_HU))
    if share(*_AS_SPONGY_HU) > max(_INVERTED_SHARE, _INVERTED * explained):
        return "hardly any bone, and much that is less dense than fat and denser than lung: they may be inverted"
    return ""


def doubtful_units(array: np.ndarray) -> list[str]:
    """A sentence on a scale that may be wrong, where that is no reason to refuse the image."""
    values = _some(array)
    share = _Shares(values[values > PADDING_HU]).within()
    if share(*_DOUBLED_HU) <= max(_DOUBLED_SHARE, _DOUBLED * share(*_FAT_HU)):
        return []
    return [
        "The values may be no Hounsfield units: fat seems to lie near -200 HU instead of -100, as where they were "
        "multiplied on the way. Compare them with the scanner's own before you use the result."
    ]


def _some(array: np.ndarray) -> np.ndarray:
    """Values from all over the image."""
    step = max(1, int(np.ceil((array.size / _ENOUGH) ** (1 / 3))))
    return np.asarray(array[::step, ::step, ::step], dtype=np.float32).ravel()
