"""The print gate: what a slicing software would complain about, and what a printer cannot make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from SpineLib.geometry.triangles import areas, volumes
from SpineLib.mesh.intersections import self_intersections
from SpineLib.mesh.thickness import smallest_wall_mm, thin_walls, wall_thickness
from SpineLib.mesh.topology import edges_of, forked_points, shells_of, winding_numbers


@dataclass(frozen=True)
class PrintLimits:
    """What the printer can make.

    Attributes:
        bodies: how many separate bodies are wanted; None: any number.
        smallest_wall_mm: thinner walls are refused; 0: any.
        thin_area_mm2: so much surface, of both sides together, may lie on thinner walls: whiskers that no printer
            shows.
        build_volume_mm: the printer's largest model, in any order: the model may be turned by 90 degrees.
    """

    bodies: int | None = 1
    smallest_wall_mm: float = 0.8
    thin_area_mm2: float = 5.0
    build_volume_mm: tuple[float, float, float] = (250.0, 210.0, 210.0)


@dataclass(frozen=True)
class Check:
    """One question to the model.

    Attributes:
        name: of the check, e.g. "watertight".
        passed: the answer.
        value: what was found: a number, or a text where one number does not tell.
        limit: what is allowed.
        text: a sentence that says what was found and, where it failed, what to do.
    """

    name: str
    passed: bool
    value: float | str
    limit: float | str
    text: str


@dataclass(frozen=True, eq=False)
class GateReport:
    """Answers of the gate.

    Attributes:
        checks: in the order of the questions.
        thickness_mm: wall thickness at each point (n,), mm; nan where it was not measured.
        bad_triangles: (m,) bool; those that a failed check complains about.
    """

    checks: list[Check]
    thickness_mm: np.ndarray = field(repr=False)
    bad_triangles: np.ndarray = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether the model may be printed."""
        return all(check.passed for check in self.checks)

    @property
    def reasons(self) -> list[str]:
        """The sentences of the checks that failed."""
        return [check.text for check in self.checks if not check.passed]

    def to_dict(self) -> dict:
        """The JSON form, without what is per point or triangle."""
        return {
            "passed": self.passed,
            "checks": [asdict(check) for check in self.checks],
            "bad_triangles": int(self.bad_triangles.sum()),
        }


def check_model(points: np.ndarray, triangles: np.ndarray, limits: PrintLimits = PrintLimits()) -> GateReport:
    """All checks of a model.

    Args:
        points: (n, 3) LPS mm; points in the same place must be one (see :func:`SpineLib.mesh.topology.merged`).
        triangles: (m, 3), corners counterclockwise seen from outside.
        limits: of the printer.
    """
    points, triangles = np.asarray(points, np.float64), np.asarray(triangles)
    bad = np.zeros(len(triangles), bool)
    if not len(triangles):
        return GateReport(
            [Check("bodies", False, 0, _wanted(limits.bodies), "The model is empty.")],
            np.full(len(points), np.nan),
            bad,
        )
    checks = _topology(points, triangles, limits, bad)
    crossing = np.unique(self_intersections(points, triangles))
    bad[crossing] = True
    checks.append(
        _none(
            "self-intersection",
            len(crossing),
            "triangle that passes through others",
            "No triangle passes through another one.",
            "make the model anew with less smoothing",
            many="triangles that pass through others",
        )
    )
    thickness = wall_thickness(points, triangles)
    checks.append(_wall(points, triangles, thickness, limits, bad))
    checks.append(_fits(points, limits.build_volume_mm))
    return GateReport(checks, thickness.of_points, bad)


def _topology(points, triangles, limits, bad) -> list[Check]:
    """The checks of how the triangles hang together; marks what they complain about in ``bad``."""
    edges = edges_of(triangles, len(points))

    def mark(which_edges):
        bad[which_edges[edges.of_triangle].any(axis=1)] = True

    open_edges, shared = edges.uses == 1, edges.uses > 2
    forked = forked_points(triangles, edges, len(points))
    turned = edges.same_way
    for which in (open_edges, shared, turned):
        mark(which)
    bad[forked[triangles].any(axis=1)] = True
    flat = areas(points, triangles) <= 0
    bad |= flat
    shells = shells_of(triangles, len(points))
    signed = volumes(points, triangles, shells)
    outer, cavities, lost = _sorted_shells(points, triangles, shells, signed)
    bad |= np.isin(shells, lost)
    return [
        _bodies(len(outer), limits.bodies),
        _none(
            "watertight", int(open_edges.sum()), "open edge", "The surface is closed.", "close the holes of the mask"
        ),
        _none(
            "manifold",
            int(shared.sum() + forked.sum()),
            "edge or point where parts touch",
            "Every edge has two triangles and every point one fan of them.",
            "separate or join the parts in the mask",
            many="edges or points where parts touch",
        ),
        _none(
            "winding",
            int(turned.sum()),
            "edge between triangles turned against each other",
            "All triangles are turned outwards.",
            "make the model anew from its mask",
            many="edges between triangles turned against each other",
        ),
        _none(
            "degenerate",
            int(flat.sum()),
            "triangle without area",
            "Every triangle has an area.",
            "make the model anew with less decimation",
            many="triangles without area",
        ),
        _volume(float(signed.sum()), len(lost), len(cavities)),
    ]


def left_out(share: float, most: float, text: str) -> Check:
    """Whether nearly all of the mask is in the model.

    Args:
        share: of the mask that was left out.
        most: that may be left out.
        text: what was left out, in words.
    """
    return Check("left out", share <= most, share, most, text)


def _wanted(bodies: int | None) -> float | str:
    return "any" if bodies is None else bodies


def _bodies(found: int, wanted: int | None) -> Check:
    passed = found > 0 and wanted in (None, found)
    text = f"{found} {'body' if found == 1 else 'bodies'}."
    if not passed:
        text = (
            f"The model has {text[:-1]}, and {wanted or 'at least 1'} was asked for: join or remove parts in the "
            "mask, or ask for another number."
        )
    return Check("bodies", passed, found, _wanted(wanted), text)


def _none(name: str, found: int, one: str, good: str, advice: str, many: str = "") -> Check:
    """A check that wants nothing to be found."""
    if not found:
        return Check(name, True, 0, 0, good)
    return Check(name, False, found, 0, f"{found} {one if found == 1 else many or one + 's'}: {advice}.")


def _volume(mm3: float, lost: int, cavities: int) -> Check:
    passed = mm3 > 0 and not lost
    text = f"{mm3 / 1000:.2f} ml" + (f", around {cavities} enclosed cavities." if cavities else ".")
    if not passed:
        text = (
            "The triangles are turned inwards, or a shell lies inside another one: make the model anew from its mask."
        )
    return Check("volume", passed, mm3 / 1000, "> 0 ml", text)


def _sorted_shells(points, triangles, shells, signed):
    """Numbers of shells: bodies, cavities within bodies, and those that are neither (turned, or one in another)."""
    if len(signed) == 1:
        return ([0], [], []) if signed[0] > 0 else ([0], [], [0])
    outer, cavities, lost = [], [], []
    for shell, volume in enumerate(signed):
        place = points[triangles[np.argmax(shells == shell), 0]]
        around = round(winding_numbers(place[None], points, triangles[shells != shell])[0])
        if volume > 0:
            outer.append(shell)
        if around != (0 if volume > 0 else 1):
            lost.append(shell)
        elif volume <= 0:
            cavities.append(shell)
    return outer, cavities, lost


def _wall(points, triangles, thickness, limits, bad) -> Check:
    thin = thin_walls(points, triangles, thickness, limits.smallest_wall_mm)
    area = float(thickness.area_mm2[thin].sum())
    # Tips and edges that do not count as thin do not count here either.
    wall = smallest_wall_mm(thickness, thin | (thickness.mm >= limits.smallest_wall_mm), limits.thin_area_mm2)
    passed = area <= limits.thin_area_mm2
    text = f"The smallest wall is {wall:.2f} mm." if np.isfinite(wall) else "The walls could not be measured."
    if not passed:
        bad[thickness.triangle[thin]] = True
        text = (
            f"{area:.0f} mm2 of the surface bound walls thinner than {limits.smallest_wall_mm:g} mm, down to "
            f"{wall:.2f} mm: thicken them in the mask, enlarge the scale, or lower the printer's smallest wall."
        )
    return Check("smallest wall", passed, wall if np.isfinite(wall) else "unknown", limits.smallest_wall_mm, text)


def _fits(points: np.ndarray, build_volume_mm: Sequence[float]) -> Check:
    size = np.sort(np.ptp(points, axis=0))[::-1]
    room = np.sort(np.asarray(build_volume_mm, float))[::-1]
    passed = bool((size <= room).all())
    value, limit = (" x ".join(f"{side:.1f}" for side in sides) + " mm" for sides in (size, room))
    text = f"{value}; it fits the build volume of {limit}."
    if not passed:
        text = f"{value}, larger than the build volume of {limit}, also when turned by 90 degrees: scale or cut it."
    return Check("build volume", passed, value, limit, text)
