"""Where the detector looks: near vertebrae, as labels or a small network say."""

import numpy as np
import pytest

from SpineLib.models import find_bundle
from SpineLib.tasks.detection.column import SPINE_MODEL, find_column, near_vertebrae
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.resampling import resample_like

SPACING = (4.0, 2.0, 2.0)


def stack(*rows, columns=slice(30, 48), shape=(12, 120, 80)) -> np.ndarray:
    """Vertebral bodies, each of some rows, in the middle slices."""
    seen = np.zeros(shape, bool)
    for one in rows:
        seen[3:9, one, columns] = True
    return seen


def test_the_column_reaches_8_mm_from_the_vertebrae_and_no_further():
    near = near_vertebrae(stack(slice(40, 80)), SPACING)
    rows, columns, slices = (np.flatnonzero(near.any(axis=axes)) for axes in ((0, 2), (0, 1), (1, 2)))
    # 4 pixels of 2 mm, 2 slices of 4 mm; a voxel's width of tolerance for distances between voxels' centres.
    assert abs(rows[0] - 36) <= 1 and abs(rows[-1] - 83) <= 1
    assert abs(columns[0] - 26) <= 1 and abs(columns[-1] - 51) <= 1
    assert abs(slices[0] - 1) <= 1 and abs(slices[-1] - 10) <= 1


def test_a_vertebra_that_is_not_seen_between_others_belongs_to_the_column():
    near = near_vertebrae(stack(slice(10, 22), slice(25, 37), slice(50, 62), slice(65, 77)), SPACING)
    assert near[6, 37:50, 39].all(), "26 mm that a metastasis replaced"


def test_small_pieces_beside_the_spine_are_none():
    seen = stack(slice(10, 110))
    seen[4:6, 50:56, 70:76] = True
    near = near_vertebrae(seen, SPACING)
    assert near[5, 60, 39] and not near[5, 53, 73]


def test_a_spine_goes_on_at_the_images_edge():
    assert near_vertebrae(stack(slice(0, 120)), SPACING)[6, [0, -1], 39].all()


def test_nothing_or_less_than_a_vertebral_body_is_no_column():
    assert not near_vertebrae(np.zeros((4, 20, 20), bool), SPACING).any()
    assert not near_vertebrae(stack(slice(50, 52)), SPACING).any(), "3.5 ml"


@pytest.mark.parametrize("scan", ["DzZ_T2", "DzZ_T1", "healthy02_T2", "healthy08_T2"])
def test_the_column_is_found_on_real_scans_without_fat_suppression(shared_data, scan):
    """The fat of the back, bright and as wide as a canal, was once taken for the spine on all of these T2."""
    if not (shared_data / "mr_lumbar" / f"{scan}.nii.gz").is_file():
        pytest.skip(f"the shared data has no mr_lumbar/{scan}.nii.gz")
    image = read_volume(shared_data / "mr_lumbar" / f"{scan}.nii.gz", scan[-2:])
    bodies = read_volume(shared_data / "mr_lumbar" / f"{scan}_vb-labels.nii.gz").array > 0
    column = find_column(image, find_bundle(SPINE_MODEL), image, device="cpu").array > 0
    assert column[bodies].mean() > 0.97
    assert column.mean() < 0.25, "bodies and arches are a small part of the image"


@pytest.mark.parametrize("sequence", ["STIR", "T1", "T2"])
def test_the_column_is_found_on_simulated_scans_of_any_sequence(simulated, sequence):
    image = simulated.images[sequence]
    column = find_column(image, find_bundle(SPINE_MODEL), image, device="cpu").array > 0
    vertebrae = np.asarray(simulated.vertebrae.array) > 0
    assert column[vertebrae].mean() > 0.9, "but for the ends of a few processes"
    assert column[np.asarray(simulated.lesions.array) > 0].mean() > 0.95
    assert column.mean() < 0.45


def test_it_lies_on_the_grid_that_is_wanted(simulated):
    image = simulated.images["STIR"]
    turned = Volume(
        np.ascontiguousarray(image.array.transpose(1, 2, 0)),
        tuple(np.array(image.spacing)[[2, 0, 1]]),
        image.origin,
        image.direction[:, [2, 0, 1]],
        "STIR",
    )
    column, other = (
        find_column(one, find_bundle(SPINE_MODEL), image, device="cpu", precision="float32") for one in (image, turned)
    )
    assert column.same_grid(image) and other.same_grid(image)
    assert (column.array == other.array).mean() > 0.999
    assert resample_like(column, turned, nearest=True).array.any()


@pytest.fixture(scope="module")
def simulated():
    from SpineLib.phantom.case import PhantomSettings, simulate

    return simulate(71, PhantomSettings(sequences=("STIR", "T1", "T2"), matrix=256, slices=15, healthy=0.0))
