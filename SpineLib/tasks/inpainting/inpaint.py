"""The repair of a vertebra: what a lesion destroyed is filled with bone as it may have been before.

Miao et al., Spinal neoplasm image inpainting with deep convolutional neural networks, section II.D, fill slice by slice
by a GAN; the default is a 3-D completion that also looks at the mirrored half and at the neighbouring vertebrae.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.geometry.signed_distance import sampled
from SpineLib.mesh.arch import arch_of
from SpineLib.preprocess.vertebra_frame import VertebraFrame, vertebra_frame
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.ct.checks import check_ct
from SpineLib.tasks.inpainting.completion import border_tells, complete
from SpineLib.tasks.inpainting.neighbours import judged
from SpineLib.tasks.inpainting.settings import METHOD_MODELS, InpaintSettings, Preview
from SpineLib.tasks.inpainting.site import Site, border_contact_mm2, place_notes, site_of
from SpineLib.tasks.inpainting.slices import repaired_by_slices
from SpineLib.tasks.inpainting.symmetry import symmetry_notes
from SpineLib.tasks.inpainting.templates import (
    Known,
    Neighbour,
    Template,
    blended,
    joined,
    known_part,
    neighbours_of,
    set_back,
    templates,
)
from SpineLib.tasks.inpainting.uncertainty import uncertainty
from SpineLib.tasks.provenance import provenance
from SpineLib.volume.crop import box_around, crop
from SpineLib.volume.places import to_lps
from SpineLib.volume.told import reading_notes
from SpineLib.volume.volume import Volume

if TYPE_CHECKING:
    import torch

    from SpineLib.models.bundle import ModelBundle
    from SpineLib.networks.gan import Gan

_LIBRARIES = ("numpy", "scipy", "SimpleITK", "torch")
#: Where the neighbours say that the canal is this deep inside it, nothing is filled, mm.
_CANAL_MM = 1.0
#: New bone on the image's border: more than this is refused, mm².
_MOST_BORDER_MM2 = 100.0


@dataclass(frozen=True, eq=False)
class Repair:
    """A repaired vertebra; all volumes uint8 on the vertebrae's own grid.

    Attributes:
        mask: the vertebra after the repair.
        before: the vertebra as it was labelled.
        region: where the repair was allowed to write.
        label: the vertebra's number.
        measures: volumes before and after, what was added and taken away (ml), the method, the templates' misfit (mm).
        provenance: JSON-able.
        notes: sentences the user should read.
        uncertainty: float32 on voxels around the vertebra, mm: nine of ten places of the repaired surface lie no
            farther from the true one; 0 where the bone is known.
    """

    mask: Volume
    before: Volume
    region: Volume
    label: int
    measures: dict
    provenance: dict
    notes: list[str]
    uncertainty: Volume


def inpaint(
    vertebrae: Volume,
    lesion: Volume,
    label: int | None,
    models: Mapping[str, ModelBundle],
    settings: InpaintSettings = InpaintSettings(),
    progress: Progress = silent,
    preview: Preview | None = None,
    ct: Volume | None = None,
) -> Repair:
    """Repair one vertebra.

    Args:
        vertebrae: labels, one number a vertebra; the repaired one as it is now, with or without the lesion's part.
        lesion: not 0 inside; may reach beyond the bone (a soft-tissue mass), on any grid.
        label: of the vertebra; None: the one that the lesion meets most.
        models: by their task ("vertebra-completion", "vertebra-inpainting"); see :data:`METHOD_MODELS`.
        preview: gets the share done and the repair as it is, coarsely: 0 background to 1 bone, where it lies.
        ct: the scan; checked to be one in HU that shows the place.

    Raises:
        SpineError: see :func:`SpineLib.tasks.inpainting.site.site_of`; the model is missing or another one's; nothing
            came out; the repaired part would be cut by the image's border.
        Cancelled: by ``progress``.
    """
    started = perf_counter()
    bundle = _bundle(settings, models)
    progress(0.0, "Looking at the lesion")
    site = site_of(vertebrae, lesion, label, settings.margin_mm)
    notes = reading_notes(vertebrae, lesion) + site.notes + _seen_notes(site, ct)
    progress(0.1, "Fitting mirror image and neighbours")
    fitted = fit(site)
    notes += fitted.notes + _template_notes(fitted.shapes)
    if settings.method == "completion" and not fitted.telling:
        notes.append(
            "What is to be repaired reaches far beyond the bone that may have been there, so that its border says "
            "nothing of it: the repair follows the neighbours and the mirror image alone."
        )
    progress(0.4, "Completing the vertebra")
    network = _network(bundle, settings.device) if bundle else None
    repaired, allowed, uncertain = fill(fitted, network, settings, part(progress, 0.4, 0.95), preview)
    bone = site.labels.array == site.label
    notes = place_notes(site, repaired, label is not None) + notes + _border_notes(site, repaired & ~bone)
    if repaired.any():
        mask = site.labels.with_array(repaired.astype(np.float32))
        notes += arch_of(mask.with_array(repaired.astype(np.uint8))).sentences()
        notes += symmetry_notes(fitted.known, fitted.shapes, sampled(mask, fitted.known.grid, 0.0) > 0.5)
    progress(1.0, "Done")
    measures = _measures(site, bone, repaired, settings.method, fitted.shapes)
    if not measures["added_ml"]:
        notes.append("Nothing was added: within the lesion the vertebra is already as it is expected to be.")
    before = vertebrae.with_array((vertebrae.array == site.label).astype(np.uint8), "before")
    return Repair(
        site.whole(repaired, "repaired"),
        before,
        site.whole(allowed, "region"),
        site.label,
        measures,
        _provenance(settings, bundle, site, started),
        notes,
        uncertain,
    )


@dataclass(frozen=True, eq=False)
class Fitted:
    """A site, and what its surroundings say of it.

    Attributes:
        site: where is repaired.
        frame: the vertebra's.
        known: what is known of it there.
        shapes: mirror image and neighbours, fitted.
        notes: sentences on neighbours that count less.
        telling: how much a network that looks at the border of what is to be repaired counts, 0 to 1.
    """

    site: Site
    frame: VertebraFrame
    known: Known
    shapes: list[Template]
    notes: list[str] = field(default_factory=list)
    telling: float = 1.0


def fit(site: Site, neighbours: Sequence[Neighbour] | None = None) -> Fitted:
    """Find the vertebra's frame, and fit mirror image and neighbours to it.

    Args:
        neighbours: where they are known already; an empty list goes without them.
    """
    if neighbours is None:
        neighbours = neighbours_of(site.column, site.label)
    neighbours, notes = judged(site, neighbours)
    frame = vertebra_frame(
        site.column, site.label, site.whole(site.region, "lesion"), [one.frame for one in neighbours]
    )
    unknown = site.labels.with_array(site.region.astype(np.uint8))
    known = known_part(site.labels, site.label, unknown, frame, site.column.labels)
    shapes = templates(known, neighbours)
    return Fitted(site, frame, known, shapes, notes, border_tells(known, shapes, _reach(site, known)))


def _reach(site: Site, known: Known) -> np.ndarray:
    """The lesion with its margin in the vertebra's frame, also where other vertebrae lie: bool (w, v, u)."""
    lesion = crop(site.lesion, site.box)
    marked = (lesion.array > 0) | site.region
    return sampled(lesion.with_array(marked.astype(np.float32)), known.grid, 0.0) > 0.5


def fill(
    fitted: Fitted,
    network: torch.nn.Module | None,
    settings: InpaintSettings,
    progress: Progress = silent,
    preview: Preview | None = None,
) -> tuple[np.ndarray, np.ndarray, Volume]:
    """Repair by one method.

    Args:
        fitted: of :func:`fit`.
        network: what the method needs.

    Returns:
        The repaired vertebra, where it was allowed to change (bool, in the site's box), and the uncertainty on the
        voxels of that box (see :class:`Repair`).
    """
    site, known, shapes = fitted.site, fitted.known, fitted.shapes
    if preview is not None:
        preview(0.4, occupancy(known, np.where(known.unknown, blended(known, shapes), known.distance)))
    if METHOD_MODELS.get(settings.method, ("",))[0] == "vertebra-inpainting":
        gan = cast("Gan", network)
        found = [repaired_by_slices(site, fitted.frame, known, gan, settings, part(progress, 0.0, 0.9), preview)]
    else:
        found = expected_distances(settings.method, known, shapes, network, fitted.telling)
    distance = np.stack(found).mean(axis=0, dtype=np.float32)
    progress(0.9, "Bringing it back to the image's grid")
    distance = joined(known, distance)
    if preview is not None:
        preview(1.0, occupancy(known, distance))
    allowed = site.region & ~_canal(site, known, shapes)
    half = known.grid.with_array(uncertainty(known, shapes, found))
    uncertain = site.labels.with_array(np.where(site.region, sampled(half, site.labels, None), 0), "uncertainty")
    return _on_labels(site, known, distance, allowed), allowed, uncertain


def occupancy(known: Known, distance: np.ndarray) -> Volume:
    """A shape in the frame as a picture, 0 outside to 1 inside, float32."""
    return known.grid.with_array(np.clip(0.5 - distance / known.grid.spacing[0], 0, 1).astype(np.float32), "preview")


def expected_distances(
    method: str, known: Known, shapes: list[Template], network: torch.nn.Module | None = None, telling: float = 1.0
) -> list[np.ndarray]:
    """The whole vertebra's signed distance in its frame, mm, by a method that does not work on slices: as often as the
    method tells it; the repair is the mean.

    Args:
        telling: how much the network of the method "completion" counts beside the templates, 0 to 1.
    """
    if method == "completion":
        mean = set_back(known, blended(known, shapes))
        if not telling:
            return [mean]
        found = complete(cast("torch.nn.Module", network), known, shapes)
        return [mean + np.float32(telling) * (one - mean) for one in found]
    if method == "interpolation":
        return [known.distance]
    wanted = {"mirror": ("mirror",), "neighbours": ("above", "below")}.get(method)
    chosen = [shape for shape in shapes if wanted is None or shape.name in wanted]
    if not chosen:
        raise SpineError("There is no neighbour to take the shape from; choose another method.")
    return [set_back(known, blended(known, chosen))]


def _network(bundle: ModelBundle, device: str) -> torch.nn.Module:
    from SpineLib.inference.predict import choose_device

    return bundle.network().to(choose_device(device))


def _bundle(settings: InpaintSettings, models: Mapping[str, ModelBundle]) -> ModelBundle | None:
    if settings.method not in METHOD_MODELS:
        return None
    task, name = METHOD_MODELS[settings.method]
    if task not in models:
        raise SpineError(
            f"The method '{settings.method}' needs a model for {task} ({name}); install it, or choose another method."
        )
    bundle = models[task]
    kind = settings.method.removesuffix("-tied")
    if task == "vertebra-inpainting" and bundle.card.network["type"] != kind:
        raise SpineError(f"The model '{bundle.card.id}' is no {kind}; choose another model, or another method.")
    return bundle


def _on_labels(site: Site, known: Known, distance: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The repaired vertebra in the site's box: bool. Known voxels stay, new islands go."""
    bone = site.labels.array == site.label
    found = sampled(known.grid.with_array(distance.astype(np.float32)), site.labels, None) < 0
    repaired = np.where(allowed, found, bone & ~site.region)
    parts, count = ndimage.label(repaired, np.ones((3, 3, 3)))
    kept = np.unique(parts[bone & ~site.region])
    if count and not np.isin(parts[repaired & site.region], kept[kept > 0]).any():
        return bone & ~site.region
    return np.isin(parts, kept[kept > 0])


def _canal(site: Site, known: Known, shapes: list[Template]) -> np.ndarray:
    """What all neighbours say is the spinal canal's inside: bool, of the site's box."""
    found = [shape.canal for shape in shapes if shape.canal is not None]
    if not found:
        return np.zeros(site.labels.shape, bool)
    depth = known.grid.with_array(np.max(found, axis=0).astype(np.float32))
    return sampled(depth, site.labels, None) < -_CANAL_MM


def _seen_notes(site: Site, ct: Volume | None) -> list[str]:
    notes = []
    bone = site.labels.array == site.label
    if border_contact_mm2(bone, site.box, site.column.labels) > 0:
        notes.append(
            "The vertebra touches the border of the image and may be cut off there; the repair does not go beyond it."
        )
    if ct is not None:
        notes += check_ct(ct)
        centre = to_lps(np.argwhere(bone), site.labels).mean(axis=0)
        box_around(ct, centre, (1.0, 1.0, 1.0))  # refuses a CT of another place
    return notes


def _template_notes(shapes: list[Template]) -> list[str]:
    names = [shape.name for shape in shapes]
    notes = []
    if "above" not in names and "below" not in names:
        notes.append(
            "There is no neighbouring vertebra among the labels, so the repair rests on the vertebra's own "
            "shape alone; segment the neighbours too for a better one."
        )
    worst = min(shape.misfit_mm for shape in shapes)
    if worst > 2.0:
        notes.append(
            f"Mirror image and neighbours lie {worst:.1f} mm off the bone that is left; look at the result with care."
        )
    return notes


def _border_notes(site: Site, new: np.ndarray) -> list[str]:
    area = border_contact_mm2(new, site.box, site.column.labels)
    if area > _MOST_BORDER_MM2:
        raise SpineError(
            "The repaired part would be cut off by the border of the image; use a scan that shows the whole vertebra."
        )
    return ["The repaired part reaches the border of the image and may be cut off there."] if area > 0 else []


def _measures(site: Site, bone: np.ndarray, repaired: np.ndarray, method: str, shapes: list[Template]) -> dict:
    ml = site.labels.voxel_volume_ml
    return {
        "method": method,
        "volume_before_ml": float(np.count_nonzero(bone) * ml),
        "volume_after_ml": float(np.count_nonzero(repaired) * ml),
        "added_ml": float(np.count_nonzero(repaired & ~bone) * ml),
        "removed_ml": float(np.count_nonzero(bone & ~repaired) * ml),
        "region_ml": float(np.count_nonzero(site.region) * ml),
        "misfit_mm": {shape.name: round(shape.misfit_mm, 3) for shape in shapes},
    }


def _provenance(settings: InpaintSettings, bundle: ModelBundle | None, site: Site, started: float) -> dict:
    unnamed: dict[str, Any] = {"model": None} if bundle is None else {}
    return provenance(
        "inpaint",
        started,
        asdict(settings),
        libraries=_LIBRARIES,
        card=bundle.card if bundle is not None else None,
        method=settings.method,
        label=site.label,
        **unnamed,
    )
