"""Real vertebrae's shapes as the simulated CT takes them from label maps; the maps here are simulated themselves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.phantom.ct import CtSettings, simulate_ct
from SpineLib.phantom.ct.columncase import column_case
from SpineLib.phantom.ct.realshapes import chain_of, read_chains
from SpineLib.volume import Volume, read_volume, write_volume

MASKS = Path(__file__).parents[2] / ".." / "shared" / "data" / "vertebra_masks"
SCAN = CtSettings(
    matrix=150, slices=150, spacing=1.0, thickness=1.2, region="lumbar", healthy=1.0, metal=0.0, sagittal=0.0
)


@pytest.fixture(scope="module")
def drawn():
    return simulate_ct(21, SCAN)


@pytest.fixture(scope="module")
def chain(drawn):
    return chain_of(drawn.intact, "drawn")


def whole(drawn) -> list[int]:
    """Vertebrae that the image does not cut, without the sacrum."""
    return [fact["label"] for fact in drawn.truth["vertebrae"] if not fact["touches_border"] and fact["label"] < 26]


def test_the_bodies_centre_lies_in_the_body_and_the_frame_stands_along_the_column(drawn, chain):
    found = {v.level: v for v in chain.vertebrae}
    numbers = [n for n in whole(drawn) if f"L{n - 19}" in found]
    assert len(numbers) >= 3
    for number in numbers:
        vertebra = found[f"L{number - 19}"]
        body = vertebra.at(*np.array([[0.0, 0, 0], [0, 0, 5], [8, 0, 0], [-8, 0, 0]]).T)
        assert (body < -3).all()
        assert 17 < vertebra.half[0] < 33 and 11 < vertebra.half[1] < 24 and 9 < vertebra.half[2] < 18
        # Behind the body lies the canal, behind the canal the arch.
        canal = vertebra.at(np.zeros(1), np.array([vertebra.half[1] + vertebra.canal[1] / 2]), np.array([6.0]))
        assert canal[0] > 2


def test_the_axis_order_of_the_map_makes_no_difference(drawn, chain):
    turned = drawn.intact
    array = np.ascontiguousarray(turned.array.transpose(2, 0, 1)[:, ::-1])
    columns = turned.direction * turned.spacing
    # Array axes (k, j, i) of the new map are the old i, -k, j.
    steps = np.stack([columns[:, 1], -columns[:, 2], columns[:, 0]], axis=1)
    corner = np.array(turned.origin) + columns[:, 2] * (turned.array.shape[0] - 1)
    spacing = np.linalg.norm(steps, axis=0)
    other = chain_of(Volume(array, tuple(spacing), tuple(corner), steps / spacing, "map"), "turned")
    assert [v.level for v in other.vertebrae] == [v.level for v in chain.vertebrae]
    for a, b in zip(other.vertebrae, chain.vertebrae):
        assert np.allclose(a.half, b.half, atol=1e-6) and np.array_equal(a.distance, b.distance)


def test_a_column_of_real_shapes_has_whole_vertebrae_with_their_parts(chain):
    case = simulate_ct(4, SCAN, (chain,))
    assert case.truth["real_shapes"] is True
    numbers = whole(case)
    assert len(numbers) >= 2
    for number in numbers:
        bone = case.vertebrae.array == number
        marks, count = ndimage.label(bone)
        # A gap where neighbours touch may cut off a few voxels of a joint.
        assert np.bincount(marks.ravel())[1:].max() > 0.93 * bone.sum()
        body, arch = ((case.parts.array == part) & bone for part in (1, 2))
        assert 0.4 < body.sum() / bone.sum() < 0.85 and arch.sum() > 0
        back = case.ct.direction[1, 1]
        assert (np.nonzero(arch)[1].mean() - np.nonzero(body)[1].mean()) * back > 15
    canal = case.parts.array == 5
    assert canal.any() and not (canal & (case.vertebrae.array > 0)).any()


def test_the_same_seed_and_shapes_give_the_same_patient(chain):
    first, second = (simulate_ct(4, replace(SCAN, slices=30), (chain,)) for _ in range(2))
    assert np.array_equal(first.ct.array, second.ct.array) and np.array_equal(first.parts.array, second.parts.array)


def test_a_lesion_of_the_arch_takes_a_pedicle_and_leaves_the_rest_to_its_vertebra(chain):
    settings = replace(SCAN, healthy=0.0, metastases=(2, 2), arch=1.0)
    case = simulate_ct(8, settings, (chain,))
    assert {lesion["place"] for lesion in case.truth["lesions"]} == {"half arch"}
    lost = (case.intact.array > 0) & (case.vertebrae.array == 0)
    assert lost.sum() * case.ct.voxel_volume_ml > 1.0
    assert not np.isin(case.parts.array[lost], (1, 2, 3)).any()
    for lesion in case.truth["lesions"]:
        assert (case.vertebrae.array == lesion["label"]).sum() > (case.intact.array == lesion["label"]).sum() / 2


def test_a_case_for_the_network_is_isotropic_and_its_labels_agree_with_each_other(chain):
    case = column_case(simulate_ct(5, replace(SCAN, thickness=3.0, slices=40), (chain,)))
    assert case["image"].dtype == np.float16 and list(case["spacing"]) == [2.0] * 3
    assert case["image"].shape == case["parts"].shape == case["instances"].shape == (60, 75, 75)
    own = case["instances"] > 0
    assert np.isin(case["parts"][own], (1, 2, 3)).all() and not np.isin(case["parts"][~own], (1, 2, 3)).any()
    assert np.array_equal(case["instances"] == 26, case["parts"] == 3)
    bone, rest = case["image"][case["parts"] == 1], case["image"][case["parts"] == 5]
    assert bone.mean() > rest.mean() + 50


def test_a_folder_without_maps_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(SpineError, match="choose a folder"):
        read_chains(tmp_path)


def test_maps_are_read_from_a_folder(drawn, tmp_path):
    write_volume(drawn.intact, tmp_path / "spine.nii.gz")
    assert len(read_chains(tmp_path)) == 1


@pytest.mark.skipif(not MASKS.is_dir(), reason="needs shared/data/vertebra_masks beside the checkout")
def test_every_thoracic_and_lumbar_vertebra_of_a_real_spine_is_framed():
    name = "malekosh_sample001_seg-vert_msk.nii.gz"
    chain = chain_of(read_volume(MASKS / name), "real")
    assert [v.level for v in chain.vertebrae] == [f"L{n}" for n in range(5, 0, -1)] + [
        f"T{n}" for n in range(12, 0, -1)
    ]
    for vertebra in chain.vertebrae:
        assert 6.5 <= vertebra.canal[0] <= 16 and 10 <= vertebra.canal[1] <= 24
        assert vertebra.frame.axes[2][2] > 0.8
