"""Scores of the column on MR: Dice of the bodies, and whether each bears its own name."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLab.evaluation.column import score_bodies
from SpineLib.tasks.column.find import Column
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.column.levels import Levels
from SpineLib.tasks.column.mr import MrColumn
from SpineLib.tasks.column.parts import BODY, SACRUM
from SpineLib.volume import Volume
from Testing.columns import LEVELS, SPACING, block_column


def _found(shifted: int = 0) -> tuple[MrColumn, Volume, np.ndarray]:
    """A perfect answer, its levels wrong by ``shifted``; the scan; the true numbers."""
    parts, instances, _ = block_column()
    image = Volume(parts.astype(np.float32), SPACING, (0.0, 0.0, 0.0), np.eye(3), "T2")
    own = np.where(instances < 26, instances, 0)
    own[own > 0] -= LEVELS[0] - 1
    numbers = tuple(n - shifted for n in LEVELS)
    grid = ColumnGrid.of(image, SPACING)
    levels = Levels(numbers, "sacrum", 0.9)
    column = Column(grid, parts, own.astype(np.uint8), (own > 0).astype(np.float16), [], levels, "cpu", "float32")
    named = np.where(own > 0, own + LEVELS[0] - 1 - shifted, 0).astype(np.uint8)
    return MrColumn(image.with_array(named), column, {}, []), image, np.where(parts == BODY, instances, 0)


def _labels(image: Volume, bodies: np.ndarray, sacrum: np.ndarray | None = None) -> Volume:
    first = 1 if sacrum is None else 2
    out = np.zeros(bodies.shape, np.uint8)
    for n, level in enumerate(reversed(LEVELS)):
        out[bodies == level] = first + n
    if sacrum is not None:
        out[sacrum] = 1
    return image.with_array(out)


def test_a_perfect_answer_has_dice_1_and_all_levels():
    found, image, bodies = _found()
    scores, sacrum = score_bodies(found, _labels(image, bodies))
    assert [(one.level, one.right) for one in scores] == [("L5", True), ("L4", True), ("L3", True)]
    assert [one.dice for one in scores] == pytest.approx([1, 1, 1]) and sacrum is None


def test_a_column_named_one_too_high_is_found_and_wrong():
    found, image, bodies = _found(shifted=1)
    scores, _ = score_bodies(found, _labels(image, bodies))
    assert [one.said for one in scores] == ["L4", "L3", "L2"] and not any(one.right for one in scores)


def test_a_labelled_s1_is_scored_apart():
    found, image, bodies = _found()
    scores, sacrum = score_bodies(found, _labels(image, bodies, found.column.parts == SACRUM), "S1")
    assert sacrum == 1.0 and [one.level for one in scores] == ["L5", "L4", "L3"]
