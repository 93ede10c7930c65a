"""Lesions on CT: found where they are whatever the axis order, kept to vertebrae, cancelled, refused with reasons."""

from itertools import permutations

import numpy as np
import pytest

from SpineLib.errors import Cancelled, SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.tasks.ct.lesions import (
    CtLesionSettings,
    chain_probability,
    detect_ct_lesions,
)
from SpineLib.volume import Volume, write_volume
from Testing.tasks.test_ct_lesion_boxes import boxes
from Testing.tasks.tiny_ct_lesions import ct_with_blocks, save_bright_block_detector

CPU = CtLesionSettings(device="cpu", precision="float32")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return save_bright_block_detector(tmp_path_factory.mktemp("model") / "bright-blocks-ct")


@pytest.fixture
def ct():
    return ct_with_blocks((4, 72, 72))


def turned(volume: Volume, order, flip: bool) -> Volume:
    columns = [volume.direction[:, 2 - axis] for axis in order][::-1]
    turned = Volume(
        np.ascontiguousarray(volume.array.transpose(order)),
        tuple(volume.spacing[2 - axis] for axis in order)[::-1],
        volume.origin,
        np.stack(columns, axis=1),
    )
    if not flip:
        return turned
    corner = turned.ijk_to_lps @ [0, 0, turned.shape[0] - 1, 1]
    return Volume(
        np.ascontiguousarray(turned.array[::-1]), turned.spacing, tuple(corner[:3]), turned.direction * [1, 1, -1]
    )


def test_a_lesion_is_found_where_it_is(ct, bundle):
    found = detect_ct_lesions(ct, bundle, CPU)
    assert len(found.lesions) == 1
    lesion = found.lesions[0]
    # Middle column 79.5 from -60, middle row 79.5 from -40, slices 4 to 6 of 4 mm; places of conv5 are 16 mm apart.
    assert lesion.centre_lps_mm == pytest.approx((19.5, 39.5, 320.0), abs=16.0)
    assert lesion.centre_lps_mm[2] == 320.0
    assert lesion.size_mm[2] == 12.0 and lesion.slices == (4, 6) and len(lesion.slice_boxes) == 3
    assert any("keep to the spine" in note for note in found.notes)
    assert lesion.probability > 0.9 and found.provenance["model"]["simulated_training_data"]


def test_every_axis_order_gives_the_same_lesion(ct, bundle):
    wanted = detect_ct_lesions(ct, bundle, CPU).lesions[0]
    for order in permutations(range(3)):
        for flip in (False, True):
            found = detect_ct_lesions(turned(ct, order, flip), bundle, CPU).lesions
            assert len(found) == 1
            assert found[0].centre_lps_mm == pytest.approx(wanted.centre_lps_mm, abs=1e-3)
            assert found[0].size_mm == pytest.approx(wanted.size_mm, abs=1e-3)
            assert np.allclose(found[0].direction, wanted.direction)
            expected = (3, 5) if flip and order[0] == 0 else (4, 6)
            assert found[0].slices == expected


def test_with_vertebrae_only_lesions_that_touch_one_are_kept(bundle):
    ct = ct_with_blocks((4, 88, 56), (4, 88, 120))
    labels = np.zeros(ct.shape, np.uint8)
    labels[3:8, 49:140, 145:150] = 20  # in the right block's box of 64 mm; with 25 mm around it the block itself
    one, anywhere = ct.with_array(labels), CtLesionSettings(device="cpu", precision="float32", in_vertebrae=False)
    labels = labels.copy()
    labels[0, 49:140, 33] = 20  # so that both blocks are looked at; no box reaches there
    two = ct.with_array(labels)
    assert len(detect_ct_lesions(ct, bundle, CPU).lesions) == 2
    kept = [detect_ct_lesions(ct, bundle, CPU, vertebrae=vertebrae).lesions for vertebrae in (one, two)]
    assert [len(found) for found in kept] == [1, 1] and kept[0][0].centre_lps_mm[0] > 40
    assert len(detect_ct_lesions(ct, bundle, anywhere, vertebrae=two).lesions) == 2


def test_vertebrae_of_another_scan_are_refused(ct, bundle):
    elsewhere = Volume(np.ones((4, 4, 4), np.uint8), origin=(900.0, 900.0, 900.0))
    with pytest.raises(SpineError, match="do not lie in the CT"):
        detect_ct_lesions(ct, bundle, CPU, vertebrae=elsewhere)


def test_what_shows_in_one_slice_only_counts_half():
    assert chain_probability(boxes(0, slice=3, probability=0.8)) == 0.4
    pair = boxes(0, slice=3, probability=0.8) + boxes(0, slice=4, probability=0.6)
    assert chain_probability(pair) == pytest.approx(0.7)
    apart = boxes(0, slice=3, probability=0.8) + boxes(0, slice=5, probability=0.8)
    assert chain_probability(apart) == 0.4


def test_cancelling_stops_between_slices(ct, bundle):
    def cancel(fraction, text):
        if text.startswith("Slice 5"):
            raise Cancelled

    with pytest.raises(Cancelled):
        detect_ct_lesions(ct, bundle, CPU, cancel)


def test_an_mr_image_is_refused(bundle):
    image = ct_with_blocks()
    with pytest.raises(SpineError, match="CT"):
        detect_ct_lesions(image.with_array(np.abs(image.array)), bundle, CPU)


@pytest.mark.parametrize("settings", [{"threshold": 2}, {"overlap": 0}, {"gap": -1}, {"size": 1}])
def test_wrong_settings_are_refused(settings):
    with pytest.raises(SpineError):
        CtLesionSettings.from_dict(settings)


def test_the_job_reads_files_and_gives_lesions_that_json_can_hold(ct, bundle, tmp_path):
    import json

    write_volume(ct, tmp_path / "ct.nrrd")
    labels = np.zeros(ct.shape, np.uint8)
    labels[3:8, 33:110, 33:110] = 21
    write_volume(ct.with_array(labels), tmp_path / "labels.nrrd")
    parameters = {
        "inputs": {"CT": str(tmp_path / "ct.nrrd")},
        "model": str(bundle.folder),
        "settings": {"device": "cpu"},
        "labels": str(tmp_path / "labels.nrrd"),
    }
    result = json.loads(json.dumps(run_job("ct-lesions", parameters, tmp_path)))
    assert len(result["lesions"]) == 1 and result["lesions"][0]["slices"] == [4, 6]
    assert result["provenance"]["vertebrae_given"] and any("4.0 mm long" in note for note in result["notes"])
