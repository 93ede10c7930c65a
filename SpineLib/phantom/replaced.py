"""Metastases that leave nothing of the marrow beside them: a whole vertebra evenly replaced, diffuse infiltration."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SpineLib.phantom.anatomy import Anatomy, level_number
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.lesions import Inclusion, _poles
from SpineLib.phantom.spine import Vertebra
from SpineLib.phantom.tissues import Tissue
from SpineLib.volume.triples import triple

_MARROW = (Tissue.MARROW, Tissue.VEIN, Tissue.EPIDURAL_FAT)


def draw_replaced(
    rng: np.random.Generator, anatomy: Anatomy, host: Vertebra, kind: str, field_t: float, wide: bool
) -> Inclusion | None:
    """A body, most of one, or a whole vertebra whose marrow is evenly replaced; None when too little is in the image.

    The cortex stays, and belongs to the truth.
    """
    part = str(rng.choice(["body", "most", "vertebra"], p=[0.55, 0.25, 0.2]))
    found = _host(anatomy, host)
    if found is None:
        return None
    box, own, (u, v, w) = found
    a, b, h = host.half
    if part != "vertebra" or host.is_sacral:
        own = own & (v < b + 1.5)
    if part == "most":  # up to an uneven plane, in any direction
        normal = rng.standard_normal(3)
        normal /= np.linalg.norm(normal)
        rough = smooth_field(rng, u.shape, tuple(6 / s for s in anatomy.grid.step))
        plane = u * np.float32(normal[0]) + v * np.float32(normal[1]) + w * np.float32(normal[2])
        reach = np.abs(normal * host.half).sum()
        own = own & (plane + 1.5 * rough < np.float32(rng.uniform(0.0, 0.6) * reach))
    even = float(rng.uniform(0, 1))
    blend = np.clip(even + 0.1 * smooth_field(rng, u.shape, tuple(8 / s for s in anatomy.grid.step)), 0, 1)
    return _made(rng, anatomy, host, kind, field_t, wide, box, own, own, blend, f"replaced {part}")


def draw_diffuse(
    rng: np.random.Generator, anatomy: Anatomy, hosts: list[Vertebra], kind: str, field_t: float, wide: bool
) -> list[Inclusion]:
    """Patches in the marrow of several vertebrae, which may run together; those of a vertebra are one lesion."""
    knots, share, poles = rng.uniform(5, 12), rng.uniform(-0.8, 1.0), _poles(rng, kind, field_t, wide)
    items = []
    for host in hosts:
        found = _host(anatomy, host)
        if found is None:
            continue
        box, own, (u, v, _) = found
        own = own & (v < host.half[1] + 1.5) if rng.random() < 0.6 else own
        field = smooth_field(rng, u.shape, tuple(knots / s for s in anatomy.grid.step))
        field += 0.25 * smooth_field(rng, u.shape, tuple(3 / s for s in anatomy.grid.step))
        inside = own & (field > np.float32(share + rng.normal(0, 0.3)))
        blend = np.clip(0.4 + 0.2 * field, 0, 1)
        item = _made(rng, anatomy, host, kind, field_t, wide, box, own, inside, blend, "diffuse")
        if item is not None:
            item.poles = poles
            items.append(item)
    return items


def _host(anatomy: Anatomy, host: Vertebra):
    """Box, mask of the vertebra in it, and local coordinates; None where it is not in the image."""
    reach = float(np.linalg.norm(host.half)) + 40
    box = anatomy.grid.box(host.centre - reach, host.centre + reach)
    if box is None:
        return None
    own = anatomy.vertebrae[box] == level_number(host.level)
    found = ndimage.find_objects(own.view(np.uint8))
    if not found:
        return None
    inner = triple(slice(b.start + f.start, b.start + f.stop) for b, f in zip(box, found[0]))
    return inner, own[found[0]], anatomy.grid.local(inner, host.centre, host.axes)


def _made(rng, anatomy, host, kind, field_t, wide, box, own, inside, blend, place) -> Inclusion | None:
    if inside.sum() * float(np.prod(anatomy.grid.step)) / 1000 < 0.3:
        return None
    marrow = np.isin(anatomy.labels[box], _MARROW)
    soft = ndimage.gaussian_filter(inside.astype(np.float32), rng.uniform(0.3, 1.2))
    weight = np.clip(soft, 0, 1) * (marrow & own) * np.float32(rng.uniform(0.8, 1.0))
    facts = {"place": place, "breach": False}
    poles = _poles(rng, kind, field_t, wide)
    return Inclusion(kind, host.level, box, weight.astype(np.float32), inside, poles, blend.astype(np.float32), facts)
