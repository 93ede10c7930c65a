"""Lesions of vertebrae found by comparison with the other side and the neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineLib.errors import Cancelled, SpineError
from SpineLib.models import ModelCard, save_bundle
from SpineLib.networks.region_judge import RegionJudge
from SpineLib.tasks.ct.counterparts import compared_vertebrae
from SpineLib.tasks.ct.expected import excess_of
from SpineLib.tasks.ct.lesions import CtLesionSettings, detect_ct_lesions
from SpineLib.tasks.ct.regions import FEATURES, kept, regions_of
from SpineLib.volume import Volume
from SpineLib.volume.told import MODALITY

CPU = CtLesionSettings(device="cpu")
#: Voxels (z, y, x), of 1 mm; the vertebrae lie so far from each other.
SHAPE, STEP = (120, 80, 70), 36
#: Middles of the three bodies.
BODIES = [np.array([24.0 + STEP * number, 28.0, 35.0]) for number in range(3)]


def spine(lesions=(), noise=8.0):
    """HU and labels 20 (the lowest) to 22: bodies with a cortex, and an arch behind; balls (middle, radius, HU)."""
    places = np.indices(SHAPE).astype(float)
    labels = np.zeros(SHAPE, np.uint8)
    image = np.full(SHAPE, 40.0)
    image[:, :8] = -100  # fat, without which this would be no CT
    for number, middle in enumerate(BODIES):
        z, y, x = (places[axis] - middle[axis] for axis in range(3))
        body = (np.abs(z) < 13) & ((y / 15) ** 2 + (x / 20) ** 2 < 1)
        core = (np.abs(z) < 11) & ((y / 13) ** 2 + (x / 18) ** 2 < 1)
        ring = np.hypot(y - 24, x)
        arch = (np.abs(z) < 8) & (ring > 10) & (ring < 16)
        labels[body | arch] = 20 + number
        image[body | arch] = 600
        image[core] = 180
    for middle, radius, hu in lesions:
        ball = sum((places[axis] - middle[axis]) ** 2 for axis in range(3)) < radius**2
        image[ball & (labels > 0)] = hu
    return (image + np.random.default_rng(0).normal(0, noise, SHAPE)).astype(np.float32), labels


def judge_bundle(folder):
    """A bundle that calls a lesion what differs by more than 90 HU on average."""
    judge = RegionJudge(len(FEATURES), 1, 1)
    with torch.no_grad():
        for parameter in judge.parameters():
            parameter.zero_()
        judge.members[0][0].weight[0, FEATURES.index("contrast")] = 1.0
        judge.members[0][0].bias[0] = -0.9
        judge.members[0][2].weight[0, 0] = 6.0
    card = ModelCard(
        id="differs",
        title="What differs (test)",
        task="ct-lesion-detection",
        network={"type": "regions", "inputs": len(FEATURES), "hidden": 1, "members": 1},
        inputs=("CT",),
        preparation={"spacing_mm": 1.0},
        patch=(1, 1, 1),
        licence="Apache-2.0",
        training_data={"simulated": True, "description": "Made by hand for tests, not trained"},
    )
    return save_bundle(folder, judge, card)


def as_volume(array, axes=np.eye(3)):
    """An LPS volume of an array (z, y, x), turned so that its own axes are others."""
    order = [int(np.argmax(np.abs(axes[:, column]))) for column in range(3)]  # LPS axis of each of i, j, k
    flips = [axes[order[column], column] < 0 for column in range(3)]
    turned = array.transpose([2 - order[column] for column in (2, 1, 0)])
    turned = turned[tuple(slice(None, None, -1) if flips[column] else slice(None) for column in (2, 1, 0))]
    size = np.array(turned.shape[::-1])
    origin = -axes @ (np.where(flips, size - 1, 0).astype(float)) * 1.0
    return Volume(np.ascontiguousarray(turned), (1.0, 1.0, 1.0), tuple(origin), axes, meta={MODALITY: "CT"})


def test_places_of_a_vertebra_are_found_in_its_neighbour_and_on_its_other_side():
    _, labels = spine()
    vertebrae = compared_vertebrae(labels)
    assert [one.number for one in vertebrae] == [20, 21, 22]
    middle = vertebrae[1]
    places = np.stack(middle.index).astype(float)
    mirror, *others = middle.counterparts
    assert mirror.mirror and len(others) == 2
    # Half a voxel: the shapes are the same, only their sampling limits the fit.
    np.testing.assert_allclose(mirror.places[2], 70 - places[2], atol=0.5)
    assert {int(np.round(np.median(one.places[0] - places[0]))) for one in others} == {-STEP, STEP}


def test_the_sacrum_is_compared_with_its_other_side_alone_and_no_vertebra_with_it(tmp_path):
    image, labels = spine([(BODIES[0] + (0, 0, 9), 6, 600)])
    labels[labels == 20] = 26
    vertebrae = {one.number: one.counterparts for one in compared_vertebrae(labels, alone=(26,))}
    assert [one.mirror for one in vertebrae[26]] == [True]
    assert sorted(one.number for one in vertebrae[21]) == [21, 22]
    found = detect_ct_lesions(as_volume(image), judge_bundle(tmp_path / "m"), CPU, vertebrae=as_volume(labels))
    assert [one.kind for one in found.lesions] == ["sclerotic"]
    assert found.searched.startswith("L2, L3, S were searched")


def test_a_dense_lesion_stands_out_where_the_same_place_of_a_neighbour_is_ill_too():
    first, second = BODIES[1] + (0, 0, 9), BODIES[0] + (0, 0, 9)
    image, labels = spine([(first, 5, 500), (second, 5, 500)])
    excess = excess_of(image, labels, compared_vertebrae(labels))
    inside = tuple(np.round(first).astype(int))
    assert excess.dense[inside] > 150
    elsewhere = tuple(np.round(BODIES[1] - (0, 0, 9)).astype(int))
    assert excess.dense[elsewhere] < 30 and excess.lytic[elsewhere] < 30
    assert not excess.lacking


def test_of_regions_within_regions_the_likeliest_is_kept():
    image, labels = spine([(BODIES[1] + (0, 0, 9), 6, 600)])
    regions = regions_of(excess_of(image, labels, compared_vertebrae(labels)))
    assert len(regions) > 1 and regions[0].within == -1 and any(one.within == 0 for one in regions)
    assert kept(regions, [0.9] + [0.1] * (len(regions) - 1))[0] == 0
    assert 0 not in kept(regions, [0.1] + [0.9] * (len(regions) - 1))


@pytest.mark.parametrize("axes", [np.eye(3), np.diag([-1.0, 1.0, -1.0]), np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])])
def test_lesions_are_found_by_kind_and_marked_on_a_ct_of_any_axes(tmp_path, axes):
    dense, lytic = BODIES[1] + (0, 0, 9), BODIES[2] + (0, 0, -8)
    image, labels = spine([(dense, 6, 600), (lytic, 6, 20)])
    ct, vertebrae = as_volume(image, axes), as_volume(labels, axes)
    found = detect_ct_lesions(ct, judge_bundle(tmp_path / "m"), CPU, vertebrae=vertebrae)
    assert sorted(one.kind for one in found.lesions) == ["lytic", "sclerotic"]
    for one in found.lesions:
        wanted = dense if one.kind == "sclerotic" else lytic
        np.testing.assert_allclose(one.centre_lps_mm, wanted[::-1], atol=2.0)  # a voxel is lost or won on each side
        np.testing.assert_allclose(one.size_mm, 12, atol=4.0)
        # The mask grows by a voxel, half of which smoothing has taken.
        assert one.volume_ml == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.55)
    assert found.mask is not None and found.mask.same_grid(ct)
    assert set(np.unique(found.mask.array)) == {0, 1, 2}
    assert not (found.mask.array[vertebrae.array == 0]).any()
    assert found.searched.startswith("L1, L2, L3 were searched, and no other bone.")


def test_bone_that_a_lesion_took_from_the_labels_is_marked_by_what_the_other_side_has(tmp_path):
    middle = BODIES[1] + (0, 0, 14)
    image, labels = spine()
    gone = sum((axis - at) ** 2 for axis, at in zip(np.indices(SHAPE), middle)) < 8**2
    image[gone] = 50
    labels[gone] = 0
    found = detect_ct_lesions(as_volume(image), judge_bundle(tmp_path / "m"), CPU, vertebrae=as_volume(labels))
    lesion = next(one for one in found.lesions if one.kind == "lytic")
    # Two voxels at the surface are not told from shapes that differ.
    np.testing.assert_allclose(lesion.centre_lps_mm, middle[::-1], atol=3.0)
    assert found.mask is not None and not found.mask.array[labels == 20].any()


def test_a_mass_that_took_the_cortex_is_marked_within_labels_that_still_cover_it_and_the_user_told_to_look_beside(
    tmp_path,
):
    middle = BODIES[1] + (0, 0, 16)
    image, labels = spine()
    mass = sum((axis - at) ** 2 for axis, at in zip(np.indices(SHAPE), middle)) < 14**2
    mass &= (labels == 21) | (labels == 0)
    image[mass] = 50
    found = detect_ct_lesions(as_volume(image), judge_bundle(tmp_path / "m"), CPU, vertebrae=as_volume(labels))
    lesion = next(one for one in found.lesions if one.kind == "lytic")
    assert found.mask is not None
    marked = found.mask.array == lesion.id
    assert mass[marked].mean() > 0.75  # what is less dense than expected is averaged over 2 mm around
    assert marked[mass & (labels == 21)].mean() > 0.6
    assert len(found.lesions) == 1  # what is soft inside and the cortex that is gone are one
    assert any(note.startswith("L2: bone or cortex is lost.") and "look beside" in note for note in found.notes)


def test_fat_and_gas_are_told_and_not_marked(tmp_path):
    image, labels = spine([(BODIES[1] + (0, 0, 9), 6, -90)])
    found = detect_ct_lesions(as_volume(image), judge_bundle(tmp_path / "m"), CPU, vertebrae=as_volume(labels))
    assert found.lesions == []
    assert any(note.startswith("L2: fat or gas where") for note in found.notes)


def test_more_bone_where_the_others_have_cortex_is_no_lesion(tmp_path):
    image, labels = spine([(BODIES[1] + (0, 24, 13), 5, 1100)])  # in the arch, which is all cortex
    regions = regions_of(excess_of(image, labels, compared_vertebrae(labels)))
    assert any(one.dense and one.contrast > 100 for one in regions)
    found = detect_ct_lesions(as_volume(image), judge_bundle(tmp_path / "m"), CPU, vertebrae=as_volume(labels))
    assert found.lesions == []


def test_in_thick_slices_a_plate_that_lies_half_a_slice_elsewhere_is_no_excess():
    image, labels = spine()
    plate = int(BODIES[1][0]) + 11
    image[plate - 2 : plate, 18:38, 22:48] = 600  # two voxels thicker than the others
    vertebrae = compared_vertebrae(labels)
    inside = (plate - 3, 28, 35)
    assert excess_of(image, labels, vertebrae).dense[inside] > 60
    assert excess_of(image, labels, vertebrae, slices=(5.0, 1.0, 1.0)).dense[inside] < 0


def test_nothing_is_marked_in_like_vertebrae_and_the_sentence_says_what_was_searched(tmp_path):
    image, labels = spine(noise=25.0)
    found = detect_ct_lesions(as_volume(image), judge_bundle(tmp_path / "m"), CPU, vertebrae=as_volume(labels))
    assert found.lesions == [] and found.notes[0] == found.searched
    assert "has not been measured" in found.searched


def test_a_vertebra_with_nothing_like_it_is_told_not_to_have_been_searched(tmp_path):
    image, labels = spine()
    labels[:, :, 36:][labels[:, :, 36:] == 21] = 0  # half of it alone is labelled
    labels[labels == 20] = 0
    labels[labels == 22] = 0
    found = detect_ct_lesions(as_volume(image), judge_bundle(tmp_path / "m"), CPU, vertebrae=as_volume(labels))
    assert any(note.startswith("Not searched: L2.") for note in found.notes)
    assert found.searched == "No vertebra was searched, and no other bone: that nothing is marked says nothing."


def test_other_bones_are_refused_and_the_run_can_be_stopped(tmp_path):
    image, labels = spine()
    ct, vertebrae, bundle = as_volume(image), as_volume(labels), judge_bundle(tmp_path / "m")
    with pytest.raises(SpineError, match="can search no other bone"):
        detect_ct_lesions(ct, bundle, CtLesionSettings(in_vertebrae=False, device="cpu"), vertebrae=vertebrae)

    def stop(fraction, text):
        if "onto its neighbours" in text:
            raise Cancelled

    with pytest.raises(Cancelled):
        detect_ct_lesions(ct, bundle, CPU, stop, vertebrae)
