"""The repaired side has what the other side shows, or it is told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from SpineLib.tasks.inpainting.symmetry import symmetry_notes, unlike_ml
from SpineLib.tasks.inpainting.templates import Known, Template
from SpineLib.volume import Volume

#: Voxels of 1 mm: a body of 30 mm with a process of 12 x 12 x 12 mm (1.7 ml) on each side.
SHAPE = (48, 48, 64)


def whole(left: bool = True) -> np.ndarray:
    bone = np.zeros(SHAPE, bool)
    bone[9:39, 9:39, 20:44] = True
    bone[18:30, 18:30, 44:56] = True
    bone[18:30, 18:30, 8:20] = left
    return bone


def signed(bone: np.ndarray) -> np.ndarray:
    return (distance_transform_edt(~bone) - distance_transform_edt(bone)).astype(np.float32)


def site(trust: float = 1.0) -> tuple[Known, list[Template]]:
    """What lies left of the body is unknown; the mirror image shows its process."""
    unknown = np.zeros(SHAPE, bool)
    unknown[:, :, :20] = True
    known = Known(Volume(np.zeros(SHAPE, np.float32)), signed(whole()), unknown, ~unknown, np.ones(SHAPE, bool))
    mirror = Template("mirror", signed(whole()), np.ones(SHAPE, np.float32), 0.5, trust=trust)
    return known, [mirror]


def test_a_repair_like_the_other_side_needs_no_word():
    known, shapes = site()
    assert unlike_ml(known, shapes, whole()) == (0.0, 0.0) and symmetry_notes(known, shapes, whole()) == []


def test_a_process_that_is_missing_is_told_with_its_volume():
    """But for the two millimetres beside the body: 12 x 12 x 10 mm."""
    known, shapes = site()
    lacking, beyond = unlike_ml(known, shapes, whole(left=False))
    assert lacking == pytest.approx(1.44, abs=0.01) and beyond == 0.0
    (note,) = symmetry_notes(known, shapes, whole(left=False))
    assert "1.4 ml less bone" in note


def test_bone_that_the_other_side_has_not_is_told():
    known, shapes = site()
    swollen = whole()
    swollen[10:38, 10:38, 2:20] = True
    (note,) = symmetry_notes(known, shapes, swollen)
    assert "ml more bone" in note


@pytest.mark.parametrize("shapes", [site(trust=0.1)[1], []])
def test_a_process_that_is_missing_is_told_without_a_mirror_image_too(shapes):
    """The frame's low indices are the patient's right; each side of the body has 12 mm, of a process 12 more."""
    known, _ = site()
    (note,) = symmetry_notes(known, shapes, whole(left=False))
    assert "reaches 12 mm to the right and 24 mm to the left" in note
    assert symmetry_notes(known, shapes, whole()) == []


def test_a_short_process_that_nobody_repaired_is_the_patients_own():
    known, _ = site()
    known.unknown[:] = False
    assert symmetry_notes(known, [], whole(left=False)) == []
