"""The detector as a task: what it finds, where, on which grid, and what it says about odd input."""

from dataclasses import replace

import numpy as np
import pytest

from SpineLib.errors import Cancelled, SpineError
from SpineLib.tasks.detection.detect import DetectSettings, detect
from SpineLib.volume import write_volume

from .tiny import reordered
from .tiny_detector import bright_detector, save_detector, spine

CPU = DetectSettings(device="cpu", precision="float32")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return save_detector(tmp_path_factory.mktemp("detector"))


@pytest.fixture(scope="module")
def found(bundle):
    return detect(spine(), bundle, CPU)


def test_it_finds_the_bright_ball_and_nothing_else(found):
    assert len(found.candidates) == 1
    one = found.candidates[0]
    # The ball's voxel (k 2, j 45, i 40); the network's answer is broader than the ball but centred on it.
    assert one.centre_lps_mm == pytest.approx((-4.0, -10.0, 15.0), abs=2.0) and one.probability > 0.9
    assert {1, 2, 3} <= {region.slice for region in one.slices}


def test_the_likelihood_lies_on_the_images_grid_and_its_slices_at_one_mm(found):
    assert found.likelihood.same_grid(spine()) and found.likelihood.array.dtype == np.float32
    assert found.slices.spacing == (1.0, 1.0, 4.0) and found.slices.shape == found.single.shape == (5, 90, 80)
    assert np.allclose(found.slices.array[2], 0.4 * found.single.array[2] + 0.3 * found.single.array[[1, 3]].sum(0))


def test_only_the_middle_half_is_looked_at_unless_more_is_wanted(bundle):
    aside = spine(centre=(2, 45, 10))
    assert detect(aside, bundle, CPU).candidates == []
    assert len(detect(aside, bundle, replace(CPU, share=1.0)).candidates) == 1


def test_the_column_is_searched_wherever_it_lies_and_nothing_else(bundle):
    aside = spine(centre=(2, 45, 10))
    labels = aside.with_array(np.zeros(aside.shape, np.uint8))
    labels.array[1:4, 20:70, 4:16] = 21  # beyond the middle half
    kept = replace(CPU, column=True)
    found = detect(aside, bundle, kept, labels=labels)
    assert len(found.candidates) == 1
    whole = detect(aside, bundle, replace(kept, share=1.0), labels=labels)
    assert np.allclose(found.slices.array, whole.slices.array, atol=1e-5), "what is left out does not count"
    reached = np.flatnonzero(found.single.array.any(axis=(0, 1)))
    assert reached[-1] <= 15 + 8, "8 mm from the labels nothing more is computed"
    assert detect(aside, bundle, replace(kept, share=0.5), labels=labels).candidates == []


def test_the_users_threshold_and_area_count(bundle, found):
    assert detect(spine(), bundle, replace(CPU, smallest_area_cm2=40.0)).candidates == []
    large = detect(spine(), bundle, replace(CPU, threshold=0.05)).candidates
    assert large[0].volume_ml > found.candidates[0].volume_ml


def test_axis_order_does_not_matter(bundle, found):
    turned = reordered(spine(), (2, 0, 1), (True, False, True))
    other = detect(turned, bundle, CPU)
    assert other.candidates[0].centre_lps_mm == pytest.approx(found.candidates[0].centre_lps_mm, abs=0.01)
    assert other.likelihood.same_grid(turned)


def test_patch_by_patch_runs_on_a_coarser_lattice_and_finds_the_same(tmp_path, found):
    zeros = save_detector(tmp_path, bright_detector("zeros", brighter_than=2.3))
    other = detect(spine(), zeros, replace(CPU, step_mm=8))
    assert other.provenance["context"] == "zeros" and len(other.candidates) == 1
    assert other.candidates[0].centre_lps_mm == pytest.approx(found.candidates[0].centre_lps_mm, abs=3.0)


def test_patch_by_patch_runs_only_where_the_column_is_and_finds_the_same_there(tmp_path):
    zeros, image = save_detector(tmp_path, bright_detector("zeros")), spine()
    labels = image.with_array(np.zeros(image.shape, np.uint8))
    labels.array[1:4, 38:52, 34:46] = 21
    labels.array[1:4, 50:60, 52:56] = 22
    kept = replace(CPU, column=True, step_mm=4)
    found, whole = (detect(image, zeros, replace(kept, share=share), labels=labels) for share in (None, 1.0))
    # The lattice begins where the column does, so that its places differ by up to half of the 4 mm.
    assert len(found.candidates) == len(whole.candidates) == 1
    assert found.candidates[0].centre_lps_mm == pytest.approx(whole.candidates[0].centre_lps_mm, abs=2.0)
    assert (found.single.array == 0).mean() > (whole.single.array == 0).mean()


def test_both_forms_may_look_at_every_fourth_mm_only(bundle, found):
    other = detect(spine(), bundle, replace(CPU, step_mm=4))
    assert other.single.shape == found.single.shape and len(other.candidates) == 1
    assert np.allclose(other.single.array[:, ::4, 20:60:4], found.single.array[:, ::4, 20:60:4], atol=1e-4)
    assert np.allclose(other.single.array[:, 2, 20:60:4], other.single.array[:, :5:4, 20:60:4].mean(1), atol=1e-6)
    assert other.candidates[0].centre_lps_mm == pytest.approx(found.candidates[0].centre_lps_mm, abs=2.0)


def test_provenance_names_model_and_choices(found, bundle):
    said = found.provenance
    assert said["task"] == "detect" and said["model"]["sha256"] == bundle.card.sha256
    assert said["parameters"]["threshold"] == 0.5 and said["parameters"]["smallest_area_cm2"] == 0.5


def test_a_field_of_view_smaller_than_a_patch_is_continued_and_noted(tmp_path):
    bundle = save_detector(tmp_path, bright_detector(scales=(1.0, 2.0)))
    small = detect(spine(centre=(1, 20, 25), shape=(3, 40, 50)), bundle, CPU)
    assert small.likelihood.shape == (3, 40, 50)
    assert any("smaller than a patch" in note for note in small.notes)


def test_candidates_can_be_kept_to_labelled_vertebrae(bundle):
    image = spine()
    labels = image.with_array(np.zeros(image.shape, np.uint8))
    labels.array[:, :, 2:12] = 21  # far in front of the ball
    kept = replace(CPU, column=True)
    assert detect(image, bundle, kept, labels=labels).candidates == []
    labels.array[:, :, 35:45] = 22
    assert len(detect(image, bundle, kept, labels=labels).candidates) == 1


def test_the_columns_ends_are_left_out_because_patches_see_reflections_there(bundle):
    image = spine(centre=(2, 1, 40))  # half a ball at the upper edge
    labels = image.with_array(np.ones(image.shape, np.uint8))
    kept = detect(image, bundle, replace(CPU, column=True), labels=labels)
    assert not kept.slices.array[:, :4].any() and not kept.slices.array[:, -4:].any()
    assert kept.slices.array[:, 4].any(), "what lies 4 mm from the edge is seen"


def test_without_any_label_inside_nothing_is_dropped_and_that_is_said(bundle):
    image = spine()
    nothing = image.with_array(np.zeros(image.shape, np.uint8))
    result = detect(image, bundle, replace(CPU, column=True), labels=nothing)
    assert len(result.candidates) == 1 and any("No vertebral column" in note for note in result.notes)


def test_a_cancelled_run_ends_at_once(bundle):
    def stop(fraction, text):
        if fraction > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        detect(spine(), bundle, CPU, stop)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"threshold": 1.5}, "between 0 and 1"),
        ({"share": 0}, "share of the slice"),
        ({"step_mm": 3}, "1, 2, 4 or 8"),
        ({"smallest_area_cm2": -1}, "0 or more"),
        ({"colour": "red"}, "no setting 'colour'"),
    ],
)
def test_wrong_settings_are_refused(values, words):
    with pytest.raises(SpineError, match=words):
        DetectSettings.from_dict(values)


def test_a_segmentation_model_is_refused(tmp_path):
    from .tiny import save_tiny

    with pytest.raises(SpineError, match="does not detect"):
        detect(spine(), save_tiny(tmp_path), CPU)


def test_the_job_writes_the_likelihood_and_lists_candidates(bundle, tmp_path):
    from SpineLib.jobs.registry import run_job
    from SpineLib.volume import read_volume

    write_volume(spine(), tmp_path / "stir.nrrd")
    result = run_job(
        "detect",
        {
            "inputs": {"STIR": str(tmp_path / "stir.nrrd")},
            "model": str(bundle.folder),
            "settings": {"device": "cpu", "precision": "float32"},
        },
        tmp_path,
    )
    assert read_volume(tmp_path / result["likelihood"]).same_grid(spine())
    assert read_volume(tmp_path / result["slices"]).spacing == (1.0, 1.0, 4.0)
    assert len(result["candidates"]) == 1 and result["candidates"][0]["id"] == 1
