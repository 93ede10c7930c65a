"""One simulated trunk as the column network learns from: a map of stuff, parts and instances on the working grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from SpineLib.phantom.shapes import VertebraShape
from SpineLib.phantom.spine import draw_spine
from SpineLib.phantom.trunk.bones import canal_middles, choose_shapes, draw_arches, draw_bodies, draw_discs
from SpineLib.phantom.trunk.canal import draw_canal, draw_foramina
from SpineLib.phantom.trunk.changes import draw_changes
from SpineLib.phantom.trunk.pelvis import draw_other_bones, draw_pelvic_organs
from SpineLib.phantom.trunk.soft import draw_soft
from SpineLib.phantom.trunk.space import Trunk
from SpineLib.volume.levels import VERSE_NUMBERS

#: Of the working grid, mm along (z, y, x): sagittal slices of 4 mm.
SPACING_MM = (1.5, 1.5, 4.0)
#: Levels in the middle of the image and how often.
_MIDDLES = {
    "L5": 0.08, "L4": 0.14, "L3": 0.24, "L2": 0.14, "L1": 0.08,
    "T11": 0.08, "T8": 0.08, "T5": 0.06, "T2": 0.05, "C6": 0.05,
}  # fmt: skip


def draw_trunk(seed: int, shapes: Sequence[VertebraShape] = ()) -> dict[str, np.ndarray]:
    """Draw one trunk; the same seed and shapes give the same bytes.

    Args:
        seed: of everything random.
        shapes: real vertebrae, of which part of the columns is built.

    Returns:
        ``tissues`` (:class:`SpineLib.phantom.trunk.stuff.Stuff`), ``parts``, ``instances``: uint8, (z, y, x), z grows
        to superior, y to posterior, x to the patient's left. ``spacing``: mm. ``centres``: (256, 3) voxels, by VerSe's
        number, of the bodies, also of those cut by the edge.
    """
    rng = np.random.default_rng(seed)
    size = (rng.uniform(190, 420), rng.uniform(170, 340), rng.uniform(52, 105))
    trunk = build_trunk(rng, size, SPACING_MM, shapes)
    draw_changes(trunk)
    return {
        "tissues": trunk.stuff,
        "parts": trunk.parts,
        "instances": trunk.instances,
        "spacing": np.array(SPACING_MM),
        "centres": _centres(trunk),
    }


def build_trunk(
    rng: np.random.Generator,
    size: tuple[float, float, float],
    step: tuple[float, float, float],
    shapes: Sequence[VertebraShape],
    share: float | None = None,
) -> Trunk:
    """A trunk in good health.

    Args:
        rng: source of everything random.
        size, step: of the grid and of its voxels, mm along (z, y, x).
        shapes: real vertebrae.
        share: of the vertebrae that are built of them; None draws none, some or all.
    """
    height, depth, width = size
    middle = str(rng.choice(list(_MIDDLES), p=list(_MIDDLES.values())))
    spine = draw_spine(rng, middle, height / 2 + 45, sacral_slope=float(rng.normal(5, 13)))
    trunk = Trunk(*_axes(rng, height, depth, width, step), spine, rng)
    if share is None:
        share = float(rng.choice([0.0, 0.6, 1.0], p=[0.3, 0.2, 0.5]))
    chosen = choose_shapes(rng, spine, shapes, share)
    draw_soft(trunk)
    draw_pelvic_organs(trunk)
    draw_foramina(trunk)
    draw_arches(trunk, chosen)
    draw_other_bones(trunk)
    worn = float(np.mean([v.degeneration for v in spine]))
    draw_canal(trunk, canal_middles(rng, spine, chosen), stenosis=0.75 * worn * float(rng.random()))
    draw_discs(trunk)
    draw_bodies(trunk, chosen, real_bodies=bool(rng.random() < 0.6))
    return trunk


def _axes(rng, height: float, depth: float, width: float, step) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of voxels along z, y, x: the column stands more or less in the middle, the skin of the back in view."""
    dz, dy, dx = step
    behind = float(np.clip(rng.uniform(0.3, 0.6) * depth, 85, 150))
    zs = np.arange(-height / 2, height / 2, dz)
    ys = np.arange(behind - depth, behind, dy)
    xs = np.arange(-width / 2, width / 2, dx) + rng.normal(0, 4)
    return zs, ys, xs


def _centres(trunk: Trunk) -> np.ndarray:
    out = np.full((256, 3), np.nan)
    first = np.array([trunk.zs[0], trunk.ys[0], trunk.xs[0]])
    seen = set(np.unique(trunk.instances))
    for v in trunk.spine:
        number = VERSE_NUMBERS["S"] if v.is_sacral else VERSE_NUMBERS[v.level]
        if number in seen and (not v.is_sacral or v.level == "S1"):
            out[number] = (v.centre[::-1] - first) / trunk.step
    if VERSE_NUMBERS["S"] in seen and not np.isfinite(out[VERSE_NUMBERS["S"], 0]):
        out[VERSE_NUMBERS["S"]] = np.argwhere(trunk.instances == VERSE_NUMBERS["S"]).mean(axis=0)
    return out
