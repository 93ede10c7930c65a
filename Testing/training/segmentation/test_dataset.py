"""Cohorts are read, prepared once, and sampled the same way every time."""

import dataclasses
import json
import os
import pickle

import numpy as np
import pytest
import torch

from SpineLab.training.segmentation.augmentation import AugmentationSettings
from SpineLab.training.segmentation.config import SliceValidation
from SpineLab.training.segmentation.dataset import label_on_grid, prepare_cases
from SpineLab.training.segmentation.folds import folds, split_cases
from SpineLab.training.segmentation.sampling import SamplingSettings, Steps
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import SpineError
from SpineLib.preprocess import Preparation, prepare
from SpineLib.volume import read_volume

INPUTS = ("T1", "T2")


def test_a_cohort_is_read_with_its_sequences_and_labels_and_called_simulated(ball_cohort):
    cohort = read_cohort(ball_cohort, INPUTS, labels=("lesion", "reader1", "reader2", "vertebrae"))
    assert [case.name for case in cohort.cases] == [f"sub-{n:03d}" for n in range(1, 7)]
    assert set(cohort.cases[0].sequences) == {"T1", "T2"} and cohort.simulated


def test_a_description_without_the_word_is_real_data(tmp_path, ball_cohort):
    (tmp_path / "sub-001").symlink_to(ball_cohort / "sub-001")
    (tmp_path / "dataset_description.json").write_text(json.dumps({"Name": "Patients"}))
    assert not read_cohort(tmp_path, INPUTS).simulated
    (tmp_path / "dataset_description.json").write_text(json.dumps({"Name": "Phantoms", "Simulated": True}))
    assert read_cohort(tmp_path, INPUTS).simulated


def test_a_folder_without_fitting_cases_is_refused(tmp_path, ball_cohort):
    with pytest.raises(SpineError, match="no case"):
        read_cohort(tmp_path)
    with pytest.raises(SpineError, match="no case .* with STIR"):
        read_cohort(ball_cohort, ("STIR",))


def test_cached_cases_hold_what_prepare_gives_and_the_lesions_in_place(ball_cohort, balls):
    case, files = balls[0], read_cohort(ball_cohort, INPUTS).cases[0]
    prepared = prepare({name: read_volume(files.sequences[name], name) for name in INPUTS}, Preparation(slices=16))
    assert case.channels.dtype == np.float16 and case.lesions.dtype == np.uint8
    assert np.allclose(case.channels, prepared.channels, atol=2e-3) and case.spacing == pytest.approx(prepared.spacing)
    inside = np.asarray(case.lesions) > 0
    assert case.channels[0][inside].mean() < case.channels[0][~inside].mean() - 0.5
    back = prepared.to_input(inside.astype(np.float32)).array >= 0.5
    truth = read_volume(files.labels["lesion"]).array > 0
    assert 2 * (back & truth).sum() / (back.sum() + truth.sum()) > 0.97
    assert len(case.centres) == len(np.unique(case.lesions)) - 1 == 2
    for number, (centre, box) in enumerate(zip(case.centres, case.boxes), start=1):
        where = np.argwhere(np.asarray(case.lesions) == number)
        assert np.allclose(centre, where.mean(axis=0)) and (box == [where.min(axis=0), where.max(axis=0)]).all()
    assert (case.vertebrae[:, 2] >= 13).all() and (case.vertebrae[:, 2] < 36).all() and len(case.body) > 1000


def test_lesions_keep_their_ids_and_smooth_contours_between_slices(ball_cohort):
    files = read_cohort(ball_cohort, INPUTS).cases[0]
    prepared = prepare({"T1": read_volume(files.sequences["T1"], "T1")}, Preparation(slices=15))
    lesions = label_on_grid(read_volume(files.labels["lesion"]), prepared)
    areas = (lesions > 0).sum(axis=(1, 2))
    assert set(np.unique(lesions)) == {0, 1, 2}
    assert len(set(areas[areas > 0])) > len(np.unique(areas[areas > 0][::2]))  # Slices in between have their own area.


def test_cases_are_prepared_once_and_again_when_a_file_changes(ball_cohort, tmp_path):
    cohort, told = read_cohort(ball_cohort, INPUTS, labels=("lesion",)), []
    how = {"processes": 1, "progress": lambda fraction, text: told.append(text)}
    preparation = Preparation(slices=8).to_dict()
    prepare_cases(cohort, INPUTS, preparation, tmp_path, **how)
    assert len(told) == 6
    (tmp_path / "sub-003" / "case.json").unlink()  # As after an interruption in an older version's middle.
    prepare_cases(cohort, INPUTS, preparation, tmp_path, **how)
    assert len(told) == 7
    os.utime(cohort.cases[1].labels["lesion"])
    prepare_cases(cohort, INPUTS, preparation, tmp_path, **how)
    os.utime(cohort.cases[2].labels["vertebrae"])
    prepare_cases(cohort, INPUTS, preparation, tmp_path, **how)
    assert len(told) == 9 and not list(tmp_path.glob(".part*"))


def test_cases_prepared_by_two_processes_are_the_same(ball_cohort, balls, tmp_path):
    cohort = read_cohort(ball_cohort, INPUTS, labels=("lesion",))
    cohort = dataclasses.replace(cohort, cases=cohort.cases[:2])
    for case, alone in zip(prepare_cases(cohort, INPUTS, Preparation(slices=16).to_dict(), tmp_path), balls):
        assert np.array_equal(case.channels, alone.channels) and np.array_equal(case.lesions, alone.lesions)
        assert np.array_equal(case.body, alone.body)


def test_a_case_travels_to_another_process_as_a_path_and_not_as_its_voxels(balls):
    content = pickle.dumps(balls[0])
    assert len(content) < 1000
    assert np.array_equal(pickle.loads(content).channels, balls[0].channels)


def test_an_unreadable_case_is_named(ball_cohort, tmp_path):
    cohort = read_cohort(ball_cohort, INPUTS, labels=("lesion",))
    broken = tmp_path / "broken_T1w.nii.gz"
    broken.write_bytes(b"nothing")
    cohort.cases[0].sequences["T1"] = broken
    with pytest.raises(SpineError, match="Case sub-001"):
        prepare_cases(cohort, INPUTS, Preparation().to_dict(), tmp_path / "cache", processes=1)


def test_a_batch_depends_on_seed_and_step_only(balls):
    steps = Steps(balls, SamplingSettings((32, 32), 4, 0.5, seed=3), AugmentationSettings(), "volume")
    again = Steps(balls, SamplingSettings((32, 32), 4, 0.5, seed=3), AugmentationSettings(), "volume")
    other = Steps(balls, SamplingSettings((32, 32), 4, 0.5, seed=4), AugmentationSettings(), "volume")
    steps[6]
    assert all(torch.equal(a, b) for a, b in zip(steps[7], again[7]))
    assert not torch.equal(steps[7][0], steps[8][0]) and not torch.equal(steps[7][0], other[7][0])


@pytest.mark.parametrize("patch", [(32, 32), (16, 32, 32)])
def test_the_papers_patches_hold_lesion_and_background_patches_are_drawn_when_asked(balls, patch):
    images, masks = Steps(balls, SamplingSettings(patch, 24), AugmentationSettings(), "patch")[0]
    assert images.shape == (24, 2, *patch) and masks.shape == (24, 1, *patch)
    assert masks.flatten(1).any(1).float().mean() >= 0.95
    assert torch.allclose(images.flatten(2).mean(2), torch.zeros(24, 2), atol=1e-3)
    far = AugmentationSettings(translation_voxels=0)
    _, masks = Steps(balls, SamplingSettings((16, 16), 48, 1.0), far, "patch")[0]
    assert 0.1 < masks.flatten(1).any(1).float().mean() < 0.9


def test_every_case_is_held_out_in_exactly_one_fold_and_folds_have_like_volumes(balls):
    groups = folds(balls, 3, seed=1)
    assert sorted(case.name for group in groups for case in group) == sorted(case.name for case in balls)
    assert [len(group) for group in groups] == [2, 2, 2]
    ranks = {case.name: rank for rank, case in enumerate(sorted(balls, key=lambda c: np.count_nonzero(c.lesions)))}
    assert all({ranks[case.name] // 3 for case in group} == {0, 1} for group in groups)
    seen = [case.name for fold in range(3) for case in split_cases(balls, SliceValidation(folds=3, fold=fold), 1)[1]]
    assert sorted(seen) == sorted(case.name for case in balls)


def test_training_and_held_out_cases_are_disjoint(balls):
    training, held = split_cases(balls, SliceValidation(cases=2), 0)
    assert len(training) == 4 and len(held) == 2
    assert not {case.name for case in training} & {case.name for case in held}


def test_too_few_cases_for_the_folds_are_refused(balls):
    with pytest.raises(SpineError, match="8 folds need at least 8 cases"):
        folds(balls, 8, 0)
