"""The frame of a vertebra of which only the mask is known: centre of the body, and which ways are left, back and up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Solid:
    """A mask's signed distances.

    Attributes:
        distance: float32 (z, y, x), mm, negative inside; z upwards, y backwards, x to the left.
        spacing: (z, y, x), mm.
        origin: place of the first voxel, (z, y, x), mm.
    """

    distance: np.ndarray
    spacing: np.ndarray
    origin: np.ndarray

    def at(self, places: np.ndarray) -> np.ndarray:
        """Distance at places (..., 3), (x, y, z) mm; beyond the box the border's value grows with the way there."""
        index = (places[..., ::-1] - self.origin) / self.spacing
        held = np.clip(index, 0, np.array(self.distance.shape) - 1)
        beyond = np.linalg.norm((index - held) * self.spacing, axis=-1)
        return ndimage.map_coordinates(self.distance, np.moveaxis(held, -1, 0), order=1) + beyond.astype(np.float32)

    def deepest(self) -> np.ndarray:
        """Middle (x, y, z) of what lies deepest in the bone: of the body, the thickest part of a vertebra."""
        deep = self.distance < 0.6 * self.distance.min()
        marks, count = ndimage.label(deep)
        largest = 1 + np.argmax(np.bincount(marks.ravel())[1:]) if count > 1 else 1
        return (np.array(ndimage.center_of_mass(marks == largest)) * self.spacing + self.origin)[::-1]


@dataclass(frozen=True)
class Frame:
    """Where a vertebra lies.

    Attributes:
        centre: of the body, (x, y, z), mm.
        axes: rows are u (to the left), v (backwards), w (upwards).
        half: half width, depth, height of the body, mm.
    """

    centre: np.ndarray
    axes: np.ndarray
    half: np.ndarray

    def place(self, u, v, w) -> np.ndarray:
        """(..., 3), (x, y, z) mm of places in the frame."""
        return np.stack(np.broadcast_arrays(u, v, w), axis=-1) @ self.axes + self.centre


def _axes(up: np.ndarray, back: np.ndarray) -> np.ndarray:
    w = up / np.linalg.norm(up)
    v = back - (back @ w) * w
    v = v / np.linalg.norm(v)
    return np.array([np.cross(v, w), v, w])


def framed(solid: Solid, centre: np.ndarray, up: np.ndarray) -> Frame:
    """First frame: upwards along the chain, backwards so that left and right agree best."""
    u, v, w = np.meshgrid(np.arange(-45, 46, 3.0), np.arange(-20, 66, 3.0), np.arange(-36, 31, 3.0), indexing="ij")
    best, found = np.inf, None
    for degrees in range(-24, 25, 3):
        turn = np.deg2rad(degrees)
        axes = _axes(np.asarray(up, float), np.array([np.sin(turn), np.cos(turn), 0.0]))
        for shift in (-4.0, -2.0, 0.0, 2.0, 4.0):
            frame = Frame(centre + shift * axes[0], axes, np.ones(3))
            near = np.clip(solid.at(frame.place(u, v, w)), -4, 4)
            unlike = float(np.abs(near - near[::-1]).mean())
            if unlike < best:
                best, found = unlike, frame
    assert found is not None
    return found


def straightened(solid: Solid, frame: Frame) -> Frame:
    """The frame with the body's middle, tilt and size as its walls and endplates say."""
    for _ in range(3):
        frame = _measured(solid, frame)
    return frame


def _measured(solid: Solid, frame: Frame) -> Frame:
    line = np.arange(0, 34, 0.5)

    def reach(u, v, w, way) -> float:
        """How far from (u, v, w) the bone goes on along ``way``."""
        way = np.asarray(way, float)
        inside = solid.at(frame.place(*(p + line * d for p, d in zip((u, v, w), way)))) < 0
        return float(line[np.argmin(inside)]) if not inside.all() else float(line[-1])

    def ends(way, offsets) -> tuple[float, float]:
        far = [(reach(o[0], o[1], o[2], way), reach(o[0], o[1], o[2], -np.asarray(way))) for o in offsets]
        return float(np.median([f[0] for f in far])), float(np.median([f[1] for f in far]))

    across = [(0.0, 0.0, w) for w in (-4.0, 0.0, 4.0)]
    left, right = ends((1.0, 0, 0), across)
    back, front = ends((0, 1.0, 0), [(u, 0.0, w) for u in (-4.0, 0.0, 4.0) for w in (-5.0, 0.0)])
    tops, bottoms = {}, {}
    for name, (u, v) in {"m": (0, 0), "f": (0, -8), "b": (0, 8), "l": (10, 0), "r": (-10, 0)}.items():
        tops[name], bottoms[name] = reach(u, v, 0, (0, 0, 1.0)), reach(u, v, 0, (0, 0, -1.0))
    up, down = np.median(list(tops.values())), np.median(list(bottoms.values()))
    nod = 0.5 * ((tops["b"] - tops["f"]) - (bottoms["b"] - bottoms["f"])) / 16
    lean = 0.5 * ((tops["l"] - tops["r"]) - (bottoms["l"] - bottoms["r"])) / 20
    nod, lean = np.clip([nod, lean], -0.2, 0.2)
    u, v, w = frame.axes
    centre = frame.centre + 0.5 * ((left - right) * u + (back - front) * v + (up - down) * w)
    return Frame(centre, _axes(w - nod * v - lean * u, v), 0.5 * np.array([left + right, back + front, up + down]))


def sampled_in(solid: Solid, frame: Frame, u, v, w, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances at places of the frame; and which of them lie in the image (a box from 0 to ``whole``, z, y, x, mm)."""
    places = frame.place(u, v, w)
    margin = solid.spacing
    seen = ((places[..., ::-1] > margin) & (places[..., ::-1] < whole - 2 * margin)).all(axis=-1)
    return solid.at(places).astype(np.float32), seen
