"""Vertebrae told apart by their discs: whose body, whose arch, what stands on the sacrum, what is no spine at all."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.tasks.column.chain import are_lumbar, column_of, group_chain, sacrum_below, sacrum_is_cut
from SpineLib.tasks.column.parts import ARCH, BODY, CANAL, DISC, SACRUM
from SpineLib.volume import read_volume

SPACING = (1.5, 1.5, 4.0)


def _column(count: int = 4, discs: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Parts (z, y, x) and true numbers (1 is the most cranial) of bodies 27 mm high with discs of 7.5 mm between."""
    parts, numbers = (
        np.zeros((20 + 23 * count + 25, 60, 12), np.uint8),
        np.zeros((20 + 23 * count + 25, 60, 12), np.uint8),
    )
    parts[5:25, 18:40, 2:10] = SACRUM
    parts[5:, 34:42, 4:8] = CANAL
    for n in range(count):
        z = 28 + 23 * n
        body, arch = np.s_[z : z + 18, 10:32, 2:10], np.s_[z + 1 : z + 12, 44:54, 4:8]
        if discs:
            parts[z - 5 : z, 10:32, 2:10] = DISC
        for box, part in ((body, BODY), (arch, ARCH)):
            parts[box], numbers[box] = part, count - n
    return parts, numbers


def _votes(numbers: np.ndarray, noise: float = 0.0) -> np.ndarray:
    offsets = np.zeros((3, *numbers.shape), np.float32)
    steps = np.array(SPACING)
    for n in range(1, int(numbers.max()) + 1):
        where = np.argwhere(numbers == n)
        centre = where[where[:, 1] < 40].mean(0)
        for axis in range(3):
            offsets[axis][numbers == n] = ((centre - where) * steps)[:, axis]
    return offsets + np.random.default_rng(0).normal(0, noise, offsets.shape).astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 8.0])
def test_bodies_between_discs_are_vertebrae_also_where_votes_are_poor(noise):
    parts, numbers = _column()
    labels, members = group_chain(parts, _votes(numbers, noise), SPACING)
    assert [one.number for one in members] == [1, 2, 3, 4]
    body = parts == BODY
    assert (labels[body] == numbers[body]).mean() > 0.99
    arch = parts == ARCH
    assert (labels[arch] == numbers[arch]).mean() > 0.9


def test_a_bridge_through_a_disc_does_not_join_two_bodies():
    parts, numbers = _column()
    parts[46:51, 10:13, 2:10] = BODY  # an osteophyte of 4.5 mm
    labels, members = group_chain(parts, _votes(numbers), SPACING)
    assert len(members) == 4


def test_bodies_without_a_disc_between_them_are_parted_by_their_height():
    parts, numbers = _column(6)
    z = 28 + 23 * 3
    parts[z - 5 : z, 10:32, 2:10] = BODY
    _, members = group_chain(parts, _votes(numbers), SPACING)
    assert len(members) == 6


def test_what_looks_like_a_body_in_the_belly_is_none():
    parts, numbers = _column()
    wide = np.zeros((parts.shape[0], 140, 12), np.uint8)
    wide[:, 80:] = parts
    wide[60:80, 10:30, 2:10] = BODY
    _, members = group_chain(wide, np.pad(_votes(numbers), ((0, 0), (0, 0), (80, 0), (0, 0))), SPACING)
    assert len(members) == 4
    assert not column_of(wide, SPACING)[60:80, 10:30].any()


def test_the_lowest_body_stands_on_the_sacrum_or_does_not():
    parts, numbers = _column()
    _, members = group_chain(parts, _votes(numbers), SPACING)
    place = sacrum_below(parts, members[-1].centre_mm, SPACING)
    assert place is not None and place[0] < members[-1].centre_mm[0]
    parts[parts == SACRUM] = 0
    assert sacrum_below(parts, members[-1].centre_mm, SPACING) is None


@pytest.mark.parametrize(
    ("below", "above", "cut"),
    [
        (10, 60, False),  # the whole sacrum
        (0, 40, False),  # its lower part is beyond the edge
        (0, 16, True),  # 24 mm at the edge may as well be L5
        (10, 26, False),  # little, but not cut
        (10, 12, True),  # less than a sacrum
    ],
)
def test_too_little_of_a_sacrum_at_the_lower_edge_may_be_l5(below, above, cut):
    parts = np.zeros((120, 60, 12), np.uint8)
    parts[below:above, 18:40, 2:10] = SACRUM
    assert sacrum_is_cut(parts, SPACING) == cut


@pytest.mark.parametrize(
    ("gaps", "lumbar"),
    [
        ((21, 27, 31, 33, 33, 34), True),
        ((36, 38, 20), True),  # one that slipped, or a disc that is gone
        ((17, 17, 18, 18, 19), False),  # a neck
        ((20, 22, 23, 24), False),  # the upper thoracic spine
        ((34,), False),  # two in a piece cut out of an image tell nothing
    ],
)
def test_only_below_vertebrae_as_far_apart_as_lumbar_ones_there_is_a_sacrum(gaps, lumbar):
    assert are_lumbar([(-float(z), 0.0, 0.0) for z in np.cumsum((0, *gaps))]) == lumbar


def test_a_neck_has_no_lumbar_levels(shared_data):
    from SpineLib.tasks.column.mr import column_model, column_on_mr

    image = read_volume(shared_data / "mr_other" / "t2_cervicothoracic_old.nii.gz")  # C1 to T6
    found = column_on_mr(image, column_model("T2"))
    assert found.by["levels"] == "count" and not (found.vertebrae.array == 26).any()
    assert any("What looks like a sacrum" in note for note in found.notes)


def test_a_speck_taken_for_sacrum_at_the_upper_edge_drops_no_vertebra():
    parts, numbers = _column()
    parts[-4:, 10:32, 2:10] = SACRUM
    assert len(group_chain(parts, _votes(numbers), SPACING)[1]) == 4


def test_nothing_seen_is_no_column():
    labels, members = group_chain(np.zeros((20, 20, 8), np.uint8), np.zeros((3, 20, 20, 8), np.float32), SPACING)
    assert not labels.any() and members == []
