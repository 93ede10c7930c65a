"""What an ablation leaves in the images one to three days later.

A core that hardly enhances and is dark to intermediate on T2 (coagulated), a hyperaemic rim that enhances and is bright
on T2, oedema in the marrow around and along the track, a haematoma at times, the applicator's track, and leftover
tumour that may look much like the core (Steffen et al. 2020, section 1). Relaxation times and uptakes are assumptions
that give this look; only the core belongs to the necrosis.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from SpineLib.phantom.ablation import Ablation
from SpineLib.phantom.anatomy import Anatomy, level_number
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.lesions import Inclusion, Pole
from SpineLib.phantom.tissues import Tissue

_SPARED = (Tissue.CSF, Tissue.CORD, Tissue.NERVE, Tissue.AIR, Tissue.LUNG, Tissue.BLOOD)


def react(
    rng: np.random.Generator, anatomy: Anatomy, ablation: Ablation, lesion: Inclusion, field_t: float, wild: bool
) -> tuple[Inclusion, list[Inclusion], dict]:
    """Draw the tissue's reaction.

    Args:
        rng: source of randomness.
        anatomy: the drawn patient.
        ablation: what was coagulated.
        lesion: the treated metastasis as it looked before.
        field_t: field strength (tesla) of the follow-up scan.
        wild: draw contrasts widely.

    Returns:
        The metastasis as it looks now; what is drawn over it, in this order; what was drawn (for the truth).
    """
    scene = _Scene(rng, anatomy, ablation, field_t, wild)
    alike = rng.random() < 0.5  # stunned: leftover tumour hardly takes up contrast medium
    leftover = _changed(lesion, rng.uniform(0.1, 0.5) if alike else rng.uniform(0.7, 1.2), rng.uniform(0.8, 1.1))
    faint = bool(rng.random() < 0.2)
    items = [scene.oedema(), scene.rim(faint), *scene.core(leftover)]
    haematoma = bool(rng.random() < 0.45)
    if haematoma:
        items.append(scene.haematoma())
    items += scene.tracks()
    facts = {"leftover_like_necrosis": bool(alike), "faint_rim": faint, "haematoma": haematoma}
    return leftover, items, facts


def _changed(lesion: Inclusion, uptake: float, t2: float) -> Inclusion:
    one, other = (replace(p, uptake=p.uptake * uptake, t2=p.t2 * t2) for p in lesion.poles)
    return replace(lesion, poles=(one, other))


class _Scene:
    """Distances and tissues around one ablation, and the drawing of each part."""

    def __init__(self, rng, anatomy: Anatomy, ablation: Ablation, field_t: float, wild: bool):
        self.rng, self.ablation = rng, ablation
        self.step, self.box = anatomy.grid.step, ablation.box
        self.tissue = anatomy.labels[self.box]
        self.stretch, self.wild = 1.0 if field_t < 2.2 else 1.2, wild
        self.level = ablation.host.level
        self.place = anatomy.grid.local(self.box, ablation.host.centre, ablation.host.axes)
        core = ablation.core
        self.distance = (
            ndimage.distance_transform_edt(~core, self.step) - ndimage.distance_transform_edt(core, self.step)
        ).astype(np.float32)
        host = anatomy.vertebrae[self.box] == level_number(self.level)
        self.marrow = (host & (self.tissue == Tissue.MARROW)) | ablation.tumour
        self.open = ~np.isin(self.tissue, (*_SPARED, Tissue.ANNULUS, Tissue.NUCLEUS, Tissue.CORTEX, Tissue.LIGAMENT))
        self.axis = np.minimum.reduce([a.from_axis(*self.place) for a in ablation.applicators])

    def field(self, knot_mm: float) -> np.ndarray:
        return smooth_field(self.rng, self.tissue.shape, tuple(knot_mm / s for s in self.step))

    def pole(self, pd, t1, t2, fat=(0, 0), uptake=(0, 0)) -> Pole:
        """A tissue drawn within ranges; T1 (ms) at 1.5 T."""
        draw = self.rng.uniform
        extra = np.exp(self.rng.normal(0, 0.25, 2)) if self.wild else (1, 1)
        return Pole(draw(*pd), self.stretch * draw(*t1) * extra[0], draw(*t2) * extra[1], draw(*fat), draw(*uptake))

    def item(self, kind: str, weight, poles, blend) -> Inclusion:
        blend = np.clip(blend, 0, 1).astype(np.float32)
        return Inclusion(kind, self.level, self.box, weight.astype(np.float32), None, poles, blend)

    def oedema(self) -> Inclusion:
        """In the host's marrow, fading with the distance; and in the muscle along the tracks."""
        draw = self.rng.uniform
        reach = draw(4, 14) * np.exp(0.3 * self.field(12))
        weight = draw(0.2, 0.65) * np.exp(-np.maximum(self.distance, 0) / reach) * self.marrow
        beside = draw(0.1, 0.5) * np.exp(-((self.axis / draw(3, 7)) ** 2)) * (self.tissue == Tissue.MUSCLE)
        pole = self.pole((0.85, 0.95), (1000, 1350), (80, 135), (0, 0.08), (0.08, 0.3))
        return self.item("oedema", np.maximum(weight, beside), (pole, pole), np.zeros_like(self.distance))

    def rim(self, faint: bool) -> Inclusion:
        """Hyperaemia: a shell of 2 to 6 mm, of uneven thickness, at times broken."""
        draw = self.rng.uniform
        thick = np.clip(draw(2.0, 5.0) * (1 + 0.3 * self.field(9)), 0.8, 6)
        shell = np.clip(0.5 + self.distance / 0.7, 0, 1) * np.clip(0.5 + (thick - self.distance) / 1.2, 0, 1)
        whole = np.clip(draw(0.7, 1.6) + self.field(14), 0, 1)
        hard = np.isin(self.tissue, (Tissue.CORTEX, Tissue.LIGAMENT))
        allowed = np.where(self.open, 1.0, np.where(hard, 0.3, 0.0))
        allowed[self.ablation.tumour] *= draw(0.3, 0.9)
        weight = shell * whole * allowed * (draw(0.15, 0.35) if faint else draw(0.4, 0.9))
        poles = tuple(self.pole((0.85, 1.0), (1000, 1400), (80, 150), (0, 0.06), (0.4, 1.2)) for _ in range(2))
        return self.item("rim", weight, poles, 0.5 + 0.4 * self.field(5))

    def core(self, leftover: Inclusion) -> list[Inclusion]:
        """Coagulated marrow, which keeps some of its fat, and coagulated tumour, which may keep its T2."""
        draw = self.rng.uniform
        soft = np.clip(0.5 - self.distance / draw(0.8, 1.8), 0, 1)
        soft = soft * ~np.isin(self.tissue, _SPARED)
        soft[self.tissue == Tissue.CORTEX] *= 0.4
        strength = draw(0.8, 0.98)
        uptake = (0.0, 0.08)
        dark = self.pole((0.5, 0.8), (750, 1250), (28, 55), (0, 0.3), uptake)
        between = self.pole((0.7, 0.9), (900, 1450), (60, 110), (0, 0.35), uptake)
        if self.rng.random() < 0.12:  # softened
            between = replace(between, pd=0.95, t2=float(draw(120, 190)), fat=0.0)
        blend = draw(0.1, 0.8) + 0.35 * self.field(6) + 0.3 * np.exp(self.distance / 3)
        blend = blend - draw(0, 0.5) * np.exp(-self.axis / 4)
        items = [self.item("necrosis of marrow", soft * strength * ~self.ablation.tumour, (dark, between), blend)]
        if self.rng.random() < 0.5:
            shade = draw(0.7, 1.0)
            poles = tuple(
                replace(p, t2=p.t2 * shade, t1=p.t1 * draw(0.8, 1.0), uptake=draw(*uptake)) for p in leftover.poles
            )
        else:
            poles = tuple(replace(p, fat=0.15 * p.fat) for p in (dark, between))
        items.append(self.item("necrosis of tumour", soft * strength * self.ablation.tumour, poles, blend))
        return items

    def haematoma(self) -> Inclusion:
        """Blood at the edge of the necrosis, over it, or beside the track; T1 shortened, T2 by the age of the blood."""
        draw = self.rng.uniform
        near_track = self.rng.random() < 0.4
        edge = self.open & (
            (self.axis < 5) & (self.distance > 8) & (self.tissue == Tissue.MUSCLE)
            if near_track
            else np.abs(self.distance) < 3
        )
        places = np.argwhere(edge)
        weight = np.zeros(self.tissue.shape, np.float32)
        if len(places):
            middle = places[self.rng.integers(len(places))]
            index = np.ogrid[tuple(slice(0, n) for n in self.tissue.shape)]
            stretch = np.exp(self.rng.normal(0, 0.25, 3))
            away = np.sqrt(sum(((i - m) * s * e) ** 2 for i, m, s, e in zip(index, middle, self.step, stretch)))
            shape = away - draw(2.5, 6.5) + 1.3 * self.field(5)
            weight = np.clip(0.5 - shape / 1.5, 0, 1) * draw(0.5, 0.9) * self.open
        t2 = (28, 45) if self.rng.random() < 0.5 else (85, 150)
        poles = (self.pole((0.75, 0.95), (550, 900), t2), self.pole((0.8, 0.95), (700, 1200), t2))
        return self.item("haematoma", weight, poles, 0.5 + 0.4 * self.field(5))

    def tracks(self) -> list[Inclusion]:
        """The channel of each applicator: fluid and blood, or dark."""
        items = []
        for applicator in self.ablation.applicators:
            radius = self.rng.uniform(0.8, 1.7)
            away = applicator.from_axis(*self.place)
            weight = np.clip(0.5 + (radius - away) / 0.8, 0, 1) * self.rng.uniform(0.5, 0.95)
            weight = weight * ~np.isin(self.tissue, _SPARED)
            pole = (
                self.pole((0.8, 1.0), (1100, 1900), (70, 200), uptake=(0, 0.2))
                if self.rng.random() < 0.65
                else self.pole((0.1, 0.4), (700, 1100), (12, 35))
            )
            items.append(self.item("track", weight, (pole, pole), np.zeros_like(away)))
        return items
