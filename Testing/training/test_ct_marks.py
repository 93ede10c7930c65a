"""Lesions painted into any CT, patches of them, a training of a few steps, and its bundle at work."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLab.evaluation.ct_boxes import compared, read_boxes, table
from SpineLab.training.ct_marks.cases import case_of, read_cases, write_case
from SpineLab.training.ct_marks.config import MarkConfig
from SpineLab.training.ct_marks.loop import run_training
from SpineLab.training.ct_marks.painting import paint
from SpineLab.training.ct_marks.sampling import MarkSampler
from SpineLib.tasks.ct.lesion_boxes import CtLesion
from SpineLib.tasks.ct.lesion_marks import LYTIC, MASS, SCLEROTIC
from SpineLib.tasks.ct.lesions import CtLesionSettings, detect_ct_lesions
from SpineLib.volume import Volume
from SpineLib.volume.told import MODALITY

SHAPE = (40, 40, 40)
CONFIG = MarkConfig.from_dict(
    {
        "widths": [4, 8],
        "sampling": {"patch": 32},
        "optimisation": {"steps": 3, "minutes": 0.0, "warm_up": 0},
        "validation": {"every": 3, "cases": 1, "patches": 2},
    }
)


def bone_in_tissue(seed=0):
    """Image and bone: a block of 250 HU in muscle, with noise."""
    rng = np.random.default_rng(seed)
    bone = np.zeros(SHAPE, bool)
    bone[8:32, 8:32, 8:32] = True
    return (np.where(bone, 250, 50) + 20 * rng.standard_normal(SHAPE)).astype(np.float32), bone


@pytest.mark.parametrize("seed", range(6))
def test_a_painted_lesion_is_where_the_marks_say_and_as_dense_as_its_kind(seed):
    image, bone = bone_in_tissue()
    before, target = image.copy(), np.zeros(SHAPE, np.uint8)
    assert paint(image, target, bone, 1.5, np.random.default_rng(seed))
    changed = np.abs(image - before)
    assert changed[target > 0].mean() > 5 * changed[target == 0].mean()
    inside = target[(target > 0) & (target != MASS)]
    (kind,) = np.unique(inside)
    deep = np.median(image[target == kind])
    if kind == LYTIC:
        assert deep < 200
    if kind == SCLEROTIC:
        assert deep > 350 and not (target == MASS).any()
    # Beyond the bone only a mass; a voxel to each side is the lesion's edge.
    assert (target[~bone & (target > 0)] == MASS).mean() > 0.5 if (target[~bone] == MASS).any() else True


def test_cases_are_kept_whole_and_patches_hold_what_the_sampler_was_asked_for(tmp_path):
    image, bone = bone_in_tissue()
    write_case(tmp_path / "sim-1.npz", image, np.zeros(SHAPE), bone)
    (tmp_path / "sim-2.part.npz").write_bytes(b"half of one")
    (case,) = read_cases(tmp_path)
    assert not case.real and np.abs(case.image - image).max() < 0.3 and case.vertebrae.sum() == bone.sum()
    always, never = (MarkSampler([case], CONFIG.changed(sampling={"lesions": share})) for share in (1.0, 0.0))
    channels, kinds = always.batch(1)
    assert channels.shape == (1, 2, 32, 32, 32) and channels.abs().max() <= 1
    assert any(always.batch(step)[1].any() for step in range(4)) and not any(never.batch(s)[1].any() for s in range(4))


def test_a_training_writes_a_bundle_that_finds_lesions_by_its_own_marks(tmp_path):
    image, bone = bone_in_tissue()
    target = np.zeros(SHAPE, np.uint8)
    paint(image, target, bone, 1.5, np.random.default_rng(1))
    cases = [case_of(f"sim-{n}", False, image, target, bone) for n in range(2)]
    bundle = run_training(
        CONFIG, [*cases, case_of("real", True, image, 0 * target, bone)], tmp_path / "run", origin="X."
    )
    assert (
        bundle.card.training_data["real_cases"] == 1
        and "Every lesion it learned from is **simulated**" in bundle.card.text
    )
    image[:3] = -1000  # air, without which this would be no CT
    ct = Volume(image.astype(np.int16), (1.5,) * 3, meta={MODALITY: "CT"})
    found = detect_ct_lesions(ct, bundle, CtLesionSettings(device="cpu"))
    assert found.mask is not None and found.mask.same_grid(ct) and found.searched


def test_boxes_of_patients_are_found_by_overlap_or_by_a_centre_within(tmp_path):
    (tmp_path / "boxes.csv").write_text(
        "image_path,class,x,y,z,width,height,depth\na.nii,m,10,0,0,20,20,20\na.nii,m,90,0,0,8,8,8\n"
    )
    known = read_boxes(tmp_path / "boxes.csv")["a.nii"]

    def lesion(x, size, probability):
        axes = tuple(map(tuple, np.eye(3).tolist()))
        return CtLesion(0, (x, 0.0, 0.0), (size,) * 3, axes, probability, (0, 1), (size, size), "region")

    result = compared("a", known, [lesion(13, 20, 0.7), lesion(10, 4, 0.9), lesion(60, 10, 0.6)])
    assert result.best == (0.9, 0.0) and result.false == (0.6,)
    assert result.at(0.65) == (2, 1, 0)
    assert "| 0.5 | 1 of 2 | 1 | h 1 |" in table(
        [result], [compared("h", np.zeros((0, 2, 3)), [lesion(0, 5, 0.8)])], [0.5]
    )
