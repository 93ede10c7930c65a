"""The paper's way: slices across the vertebra's own axis, filled by a GAN, all in one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from SpineLib.geometry.signed_distance import sampled, signed_distance
from SpineLib.preprocess.vertebra_frame import VertebraFrame
from SpineLib.preprocess.vertebra_slices import (
    PIXEL_MM,
    SLICE_MM,
    border_distance,
    slice_grid,
    slice_images,
)
from SpineLib.progress import Progress, silent
from SpineLib.tasks.inpainting.site import Site
from SpineLib.tasks.inpainting.templates import LIMIT_MM, Known

if TYPE_CHECKING:
    from SpineLib.networks.gan import Gan
    from SpineLib.tasks.inpainting.settings import InpaintSettings, Preview


def repaired_by_slices(
    site: Site,
    frame: VertebraFrame,
    known: Known,
    network: Gan,
    settings: InpaintSettings,
    progress: Progress = silent,
    preview: Preview | None = None,
) -> np.ndarray:
    """The vertebra's signed distance on the frame's grid (w, v, u), mm.

    Args:
        network: of the settings' method.
        preview: as of ``inpaint``; gets all slices as they are.
    """
    from SpineLib.tasks.inpainting.gan import GanSettings, inpaint_slices

    bone = site.labels.with_array((site.labels.array == site.label).astype(np.uint8))
    inside = bone.with_array(((bone.array > 0) | site.region).astype(np.uint8))
    grid = slice_grid(frame, inside)
    images = slice_images(signed_distance(bone, site.region, LIMIT_MM), grid)
    kept = sampled(bone.with_array(site.region.astype(np.float32)), grid, 0.0) < 0.5
    kind, tied = settings.method.removesuffix("-tied"), settings.method.endswith("-tied")
    chosen = GanSettings(
        steps=settings.steps,
        rate=settings.rate,
        weight=settings.weight,
        tie=settings.tie if tied else 0.0,
        prior=1.0 if tied else 0.0,
        slice_mm=SLICE_MM,
        probability=kind == "dcgan",
        seed=settings.seed,
    )

    def show(done: float, slices: np.ndarray) -> None:
        if preview is not None:
            preview(0.4 + 0.5 * done, grid.with_array(slices.astype(np.float32), "preview"))

    filled = inpaint_slices(
        images, kept, network.generator, network.critic, chosen, progress, None if preview is None else show
    )
    return _in_frame(grid.with_array(border_distance(filled).astype(np.float32)), known)


def _in_frame(border, known: Known) -> np.ndarray:
    """Distances near the border, on the slices' grid, as distances everywhere on the frame's."""
    near = sampled(border, known.grid, PIXEL_MM / 2)
    far = signed_distance(known.grid.with_array((near < 0).astype(np.uint8)), limit_mm=LIMIT_MM).array
    return np.where(np.abs(near) < 0.45 * PIXEL_MM, near, far)
