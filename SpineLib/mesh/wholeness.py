"""Whether a mask is a whole vertebra: what a printer does not ask and a surgeon does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.mesh.arch import Arch, arch_of
from SpineLib.mesh.repair import Repairs
from SpineLib.volume.volume import Volume

#: More than this share of the mask is not left out as islands without a refusal. Of 38 masks of whole vertebrae none
#: loses more than 0.02 %.
MOST_LEFT_OUT = 0.01
#: Area on the image's edge, mm²; the tip of a transverse process has less, a vertebra that is cut off more.
MOST_EDGE_MM2 = 60.0


@dataclass(frozen=True)
class Wholeness:
    """What a mask lacks of a whole vertebra.

    Attributes:
        islands, left_out_ml: pieces that the model leaves out.
        left_out: their share of the mask.
        cut_off: how many of them reach the edge of the image, beyond which they may hang together with the rest.
        edge_mm2: area of the mask on the edge of its image.
        arch: of what is left.
    """

    islands: int
    left_out_ml: float
    left_out: float
    edge_mm2: float
    arch: Arch
    cut_off: int = 0

    def attention(self) -> list[str]:
        """What has to be said first."""
        told = [] if self.left_out <= MOST_LEFT_OUT else [self.left_out_words()]
        if self.edge_mm2 > MOST_EDGE_MM2:
            told.append(
                f"The vertebra is cut off by the edge of its image, over {self.edge_mm2:.0f} mm2: there the model ends "
                "in a flat face, and the rest of the vertebra is missing."
            )
        return told + self.arch.sentences()

    def left_out_words(self) -> str:
        """What of the mask is not in the model, and what to do."""
        if not self.islands:
            return "All of the mask is in the model."
        if self.left_out <= MOST_LEFT_OUT:
            return f"{self.left_out:.1%} of the mask was left out."
        pieces = "1 piece" if self.islands == 1 else f"{self.islands} pieces"
        start = f"{self.left_out:.0%} of the mask, {self.left_out_ml:.1f} ml in {pieces}, "
        if self.cut_off:
            which = "reaches" if self.islands == 1 else f"of which {self.cut_off} reach{'es' * (self.cut_off == 1)}"
            return (
                f"{start}{which} the edge of the image, which cuts the vertebra apart, and would be left out: use an "
                "image that shows the whole vertebra, or ask for more bodies."
            )
        hang = "does not hang" if self.islands == 1 else "do not hang"
        return (
            f"{start}{hang} together with the rest and would be left out: join the pieces in the mask, clear those "
            "that do not belong to the vertebra, or ask for more bodies."
        )

    def measures(self) -> dict[str, float | None]:
        """Figures by name."""
        return {
            "left_out": self.left_out,
            "edge_mm2": self.edge_mm2,
            "canal_mm": self.arch.canal_mm,
            "left_pedicle_mm2": self.arch.left_mm2,
            "right_pedicle_mm2": self.arch.right_mm2,
        }


def wholeness(mask: Volume, clean: Volume, repairs: Repairs) -> Wholeness:
    """How whole a vertebra is.

    Args:
        mask: as it was given, not 0 inside.
        clean: what the model is made of.
        repairs: what was left out.
    """
    marked = mask.array != 0
    given_ml = float(np.count_nonzero(marked)) * mask.voxel_volume_ml
    share = repairs.islands_ml / given_ml
    cut_off = _cut_off(marked) if share > MOST_LEFT_OUT else 0
    return Wholeness(repairs.islands, repairs.islands_ml, share, edge_mm2(mask), arch_of(clean), cut_off)


def _cut_off(marked: np.ndarray) -> int:
    """How many pieces of a mask, but for the largest, reach the edge of its image."""
    pieces, _ = ndimage.label(marked)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    faces = [pieces.take(end, axis) for axis in range(3) if marked.shape[axis] > 1 for end in (0, -1)]
    there = np.unique(np.concatenate([face.ravel() for face in faces])) if faces else np.zeros(0, int)
    return int(np.count_nonzero((there > 0) & (there != sizes.argmax())))


def edge_mm2(mask: Volume) -> float:
    """Area of a mask on the six faces of its image, mm²."""
    marked, sides = mask.array != 0, np.asarray(mask.spacing[::-1])
    return float(
        sum(
            np.count_nonzero(marked.take(end, axis)) * np.prod(np.delete(sides, axis))
            for axis in range(3)
            for end in ((0, -1) if marked.shape[axis] > 1 else (0,))
        )
    )
