"""The simulated follow-up: same patient, other posture and scanner, and an ablation that is what its truth says."""

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.phantom import FollowUpSettings, simulate_followup
from SpineLib.phantom.ablation import COVERED
from SpineLib.phantom.anatomy import level_number
from SpineLib.phantom.tissues import Tissue

TINY = {"matrix": 128, "slices": 15, "spacing": 1.25, "oversampling": 1, "region": "lumbar", "others": (0, 1)}
SHARES = {"complete": (1, 0, 0), "partial": (0, 1, 0), "missed": (0, 0, 1)}


@pytest.fixture(scope="module")
def cases():
    return {name: simulate_followup(3, FollowUpSettings(outcomes=shares, **TINY)) for name, shares in SHARES.items()}


@pytest.fixture(params=SHARES)
def case(request, cases):
    return request.param, cases[request.param]


@pytest.fixture(scope="module")
def partial():
    return simulate_followup(4, FollowUpSettings(outcomes=SHARES["partial"], **TINY))


def places(volume, mask):
    """Homogeneous LPS positions (4, n) of a mask's voxels."""
    k, j, i = np.nonzero(mask)
    return volume.ijk_to_lps @ np.stack([i, j, k, np.ones(len(i))])


def sampled(volume, points):
    """A label's nearest voxels at LPS positions (4, n); 0 outside."""
    i, j, k = np.rint((np.linalg.inv(volume.ijk_to_lps) @ points)[:3]).astype(int)
    inside = np.all([(n >= 0) & (n < size) for n, size in zip((k, j, i), volume.shape)], axis=0)
    found = np.zeros(points.shape[1], volume.array.dtype)
    found[inside] = volume.array[k[inside], j[inside], i[inside]]
    return found


def near(points, centre, reach_mm=20):
    """The LPS positions (4, n) within a distance of a centre: of a vertebra, the body without its thin processes."""
    return points[:, np.linalg.norm(points[:3] - np.asarray(centre)[:, None], axis=0) < reach_mm]


def test_the_same_seed_gives_the_same_bytes_and_the_scan_after_does_not_need_the_one_before(partial):
    again = simulate_followup(4, FollowUpSettings(outcomes=SHARES["partial"], **TINY, after_only=True))
    assert again.before is None and "before" not in again.truth
    for volumes, others in ((partial.after.images, again.after.images), (partial.after.labels, again.after.labels)):
        assert volumes.keys() == others.keys()
        assert all(volumes[name].array.tobytes() == others[name].array.tobytes() for name in volumes)
    assert {k: v for k, v in partial.truth.items() if k != "before"} == again.truth


def test_each_session_has_its_sequences_and_labels_on_one_grid_of_its_own(partial):
    assert set(partial.before.images) == {"T1", "T2"} and set(partial.after.images) == {"ceT1", "T2"}
    assert set(partial.before.labels) == {"lesion", "vertebrae", "tissue"}
    assert set(partial.after.labels) == {"necrosis", "lesion", "vertebrae", "tissue"}
    for scan in (partial.before, partial.after):
        assert all(v.same_grid(scan.images["T2"]) for v in [*scan.images.values(), *scan.labels.values()])
    assert not partial.before.images["T2"].same_grid(partial.after.images["T2"], 1.0)


def test_the_truth_maps_each_vertebra_of_the_scan_after_onto_the_scan_before(case):
    _, followup = case
    before, after = followup.before.labels["vertebrae"], followup.after.labels["vertebrae"]
    centres = {v["level"]: v["centre_lps_mm"] for v in followup.truth["before"]["vertebrae"]}
    checked = 0
    for level, matrix in followup.truth["after_to_before_lps"].items():
        there, here = (places(volume, volume.array == level_number(level)) for volume in (after, before))
        there, here = near(np.array(matrix) @ there, centres[level]), near(here, centres[level])
        if min(there.shape[1] * after.voxel_volume_ml, here.shape[1] * before.voxel_volume_ml) < 23:
            continue  # cut by the edge of a scan
        assert np.linalg.norm((there.mean(1) - here.mean(1))[:3]) < 1.2  # a voxel within the slice
        assert (sampled(before, there) == level_number(level)).mean() > 0.85  # the surface lies in slices of 4 mm
        checked += 1
    assert checked >= 1


def test_the_treated_vertebra_moves_within_the_settings_and_neighbours_bend_a_little(case):
    _, followup = case
    treated = followup.truth["treated"]
    assert 0 <= treated["shift_mm"] <= 15 and 0 <= treated["turn_deg"] <= 10
    matrices = [np.array(m) for m in followup.truth["after_to_before_lps"].values()]
    for matrix in matrices:
        assert np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3)) and np.linalg.det(matrix[:3, :3]) > 0
    first = np.array(followup.truth["after_to_before_lps"][treated["level"]])
    others = [m for m in matrices if not np.allclose(m, first)]
    assert len(others) >= 2


def test_outcomes_are_what_they_are_called(case):
    name, followup = case
    treated = followup.truth["treated"]
    low, high = COVERED[name]
    assert treated["outcome"] == name and low <= treated["covered_share"] <= high
    scan = followup.after.labels
    tumour, necrosis = scan["lesion"].array == treated["lesion"], scan["necrosis"].array > 0
    # Masks on thick slices cover a little more or less than the drawing did.
    assert necrosis[tumour].mean() == pytest.approx(treated["covered_share"], abs=0.12)
    assert necrosis.sum() * scan["necrosis"].voxel_volume_ml == pytest.approx(treated["necrosis_ml"], rel=0.25)


def test_the_necrosis_lies_in_the_treated_vertebra_and_spares_canal_and_disc(case):
    _, followup = case
    labels, level = followup.after.labels, followup.truth["treated"]["level"]
    necrosis = labels["necrosis"].array > 0
    assert (labels["vertebrae"].array[necrosis] == level_number(level)).mean() > 0.6
    tissue = labels["tissue"].array[necrosis]
    assert np.isin(tissue, [Tissue.CSF, Tissue.CORD, Tissue.NERVE]).mean() < 0.03  # partial volume of thick slices
    assert np.isin(tissue, [Tissue.ANNULUS, Tissue.NUCLEUS]).mean() < 0.15


def test_the_zone_runs_along_an_applicator_that_comes_from_behind_and_ends_in_the_vertebra(case):
    _, followup = case
    treated, after = followup.truth["treated"], followup.after
    assert 1 <= len(treated["applicators"]) <= 2
    middle = places(after.labels["necrosis"], after.labels["necrosis"].array > 0)[:3].mean(1)
    for applicator in treated["applicators"]:
        assert applicator["approach"] in ("transpedicular", "posterolateral") and 15 <= applicator["length_mm"] <= 35
        assert applicator["entry_lps_mm"][1] > applicator["tip_lps_mm"][1] + 20
        assert np.linalg.norm(middle - applicator["tip_lps_mm"]) < 25


def test_the_core_enhances_less_than_the_rim_around_it(cases, partial):
    darker = []
    for after in [followup.after for followup in (*cases.values(), partial)]:
        necrosis = after.labels["necrosis"].array > 0
        plane = np.ones((1, 3, 3), bool)
        core = ndimage.binary_erosion(necrosis, plane, 2)
        rim = ndimage.binary_dilation(necrosis, plane, 2) & ~necrosis & (after.labels["tissue"].array == Tissue.MARROW)
        image = after.images["ceT1"].array
        darker.append(np.median(image[core]) < np.median(image[rim]))
    assert sum(darker) >= 3  # a faint rim or blood in the core may hide it in one


def test_lesions_keep_their_numbers_from_one_scan_to_the_other(case):
    _, followup = case
    facts = [
        [(lesion["number"], lesion["level"], lesion["kind"]) for lesion in scan.truth["lesions"]]
        for scan in (followup.before, followup.after)
    ]
    assert facts[0] == facts[1]
    treated = followup.truth["treated"]
    assert (treated["lesion"], treated["level"]) == facts[0][-1][:2]


def test_a_scan_too_small_for_any_vertebra_is_refused():
    with pytest.raises(SpineError, match="larger matrix"):
        simulate_followup(1, FollowUpSettings(matrix=32, slices=15, spacing=0.5, oversampling=1))
