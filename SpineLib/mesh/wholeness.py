"""Whether a mask is a whole vertebra: what a printer does not ask and a surgeon does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
        edge_mm2: area of the mask on the edge of its image.
        arch: of what is left.
    """

    islands: int
    left_out_ml: float
    left_out: float
    edge_mm2: float
    arch: Arch

    def attention(self) -> list[str]:
        """What has to be said first."""
        told = []
        if self.edge_mm2 > MOST_EDGE_MM2:
            told.append(
                f"The vertebra is cut off by the edge of its image, over {self.edge_mm2:.0f} mm2: there the model ends "
                "in a flat face, and the rest of the vertebra is missing."
            )
        return told + self.arch.sentences()

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
    return Wholeness(repairs.islands, repairs.islands_ml, repairs.islands_ml / given_ml, edge_mm2(mask), arch_of(clean))


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
