"""The boundary of a detected region moves to the lesion's edge."""

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.errors import Cancelled, SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.metrics.overlap import overlap
from SpineLib.phantom import PhantomSettings, simulate
from SpineLib.tasks.detection.refine import RefineSettings, refine
from SpineLib.volume import Volume, read_volume, write_volume

SPACING = (4.0, 0.8, 0.8)  # i, j, k: sagittal slices along i


@pytest.fixture(scope="module")
def ball():
    """A bright ellipsoid of 20 x 14 mm in noise, and a region 4 mm too large all round: (image, truth, region)."""
    rng = np.random.default_rng(1)
    z, y, x = np.meshgrid(np.arange(70) * 0.8, np.arange(60) * 0.8, np.arange(9) * 4.0, indexing="ij")
    value = ((z - 28) / 10) ** 2 + ((y - 24) / 7) ** 2 + ((x - 16) / 9) ** 2
    truth = value < 1
    grey = ndimage.gaussian_filter(np.where(truth, 300.0, 100.0), (0.7, 0.7, 0.2)) + rng.normal(0, 8, truth.shape)
    distance = ndimage.distance_transform_edt(~truth, sampling=(0.8, 0.8, 4.0))
    return (
        Volume(grey.astype(np.float32), SPACING, name="STIR"),
        truth,
        Volume((distance <= 4).astype(np.uint8), SPACING),
    )


def test_a_region_that_is_too_large_shrinks_to_the_edge(ball):
    image, truth, region = ball
    before = overlap(truth, region.array).dice
    result = refine(image, region)
    assert before < 0.7 and result.mask.same_grid(image) and result.mask.array.dtype == np.uint8
    inner = result.mask.array.copy()
    inner[..., ~truth.any(axis=(0, 1))] = 0  # slices beyond the lesion have no edge to find
    assert overlap(truth, inner).dice > 0.85
    assert result.provenance["task"] == "refine" and result.provenance["parameters"]["iterations"] == 16


def test_simulated_lesions_gain_by_it():
    case = simulate(
        4,
        PhantomSettings(
            sequences=("STIR",),
            matrix=192,
            slices=15,
            oversampling=1,
            region="lumbar",
            healthy=0.0,
            metastases=(2, 2),
            lesion_area_cm2=(2, 9),
        ),
    )
    image = case.images["STIR"]
    gains = []
    for number in (1, 2):
        truth = case.lesions.array == number
        distance = ndimage.distance_transform_edt(~truth, sampling=image.spacing[::-1])
        region = image.with_array((distance <= 4).astype(np.uint8))
        gains.append(overlap(truth, refine(image, region).mask.array).dice - overlap(truth, region.array).dice)
    assert min(gains) > 0.05


def test_any_axis_order_gives_the_same_voxels(ball):
    image, _, region = ball
    reference = refine(image, region).mask.array
    order = (2, 0, 1)  # the new array's axes, of the old one's

    def turned(volume):
        columns = [2 - axis for axis in order][::-1]  # i, j, k
        return Volume(
            volume.array.transpose(order),
            tuple(volume.spacing[n] for n in columns),
            (0, 0, 0),
            np.eye(3)[:, columns],
            volume.name,
        )

    np.testing.assert_array_equal(refine(turned(image), turned(region)).mask.array, reference.transpose(order))


def test_the_contour_stays_near_its_region(ball):
    image, _, region = ball
    flat = image.with_array(
        np.full(image.shape, 100, np.float32) + np.random.default_rng(2).normal(0, 1, image.shape).astype(np.float32)
    )
    result = refine(flat, region, RefineSettings(balloon=1, iterations=60, stop=0.01, reach_mm=2))
    distance = ndimage.distance_transform_edt(~(region.array > 0), sampling=(0.8, 0.8, 1000))
    assert distance[result.mask.array > 0].max() <= 2 + 1.2  # and a pixel's diagonal


def test_the_same_input_gives_the_same_mask_however_often_it_ran(ball):
    image, _, region = ball
    first, second = (refine(image, region).mask.array for _ in range(2))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(SpineError, match="out of its range"):
        RefineSettings(iterations=15)


def test_a_region_of_one_voxel_is_kept(ball):
    image, _, region = ball
    one = np.zeros(region.shape, np.uint8)
    one[30, 30, 4] = 1
    assert refine(image, region.with_array(one)).mask.array.sum() >= 1


def test_what_cannot_be_refined_is_one_sentence(ball):
    image, _, region = ball
    with pytest.raises(SpineError, match="region is empty"):
        refine(image, region.with_array(np.zeros(region.shape, np.uint8)))
    with pytest.raises(SpineError, match="another grid"):
        refine(image, Volume(region.array, (4.0, 0.8, 0.9)))
    with pytest.raises(SpineError, match="no setting 'speed'"):
        RefineSettings.from_dict({"speed": 3})
    with pytest.raises(SpineError, match="out of its range"):
        RefineSettings(core=0)
    flat = image.with_array(np.random.default_rng(3).normal(100, 1, image.shape).astype(np.float32))
    with pytest.raises(SpineError, match="nothing is left"):
        refine(flat, region, RefineSettings(balloon=-1, iterations=100, stop=0.01))


def test_it_can_be_cancelled(ball):
    def stop(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        refine(ball[0], ball[2], progress=stop)


def test_the_job_leaves_the_mask_in_its_folder(ball, tmp_path):
    image, _, region = ball
    inputs = {"image": str(tmp_path / "image.nrrd"), "region": str(tmp_path / "region.nrrd")}
    write_volume(image, inputs["image"])
    write_volume(region, inputs["region"])
    answer = run_job("refine", {"inputs": inputs, "settings": {"iterations": 4}}, tmp_path)
    mask = read_volume(tmp_path / answer["mask"])
    expected = refine(image, region, RefineSettings(iterations=4)).mask.array
    np.testing.assert_array_equal(mask.array, expected)
    with pytest.raises(SpineError, match="lacks inputs"):
        run_job("refine", {}, tmp_path)
