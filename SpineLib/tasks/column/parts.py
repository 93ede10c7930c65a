"""The parts of the column that a network tells apart, by number."""

from __future__ import annotations

BACKGROUND, BODY, ARCH, SACRUM, DISC, CANAL, OTHER_BONE = range(7)
#: "Arch" is all behind the body: pedicles, laminae, processes. "Other bone" is ribs, hips and the like.
PART_NAMES = ("background", "body", "arch", "sacrum", "disc", "canal", "other bone")
#: Parts that belong to one vertebra.
OF_A_VERTEBRA = (BODY, ARCH)
#: Unit of the network's offsets, mm: half a vertebra, so that they are about 1.
OFFSET_MM = 20.0
