"""Vertebrae of a CT by the two networks that come with the project, on a simulated CT that neither saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.phantom.ct import CtSettings, simulate_ct
from SpineLib.tasks.ct.vertebrae import VertebraeSettings, segment_vertebrae
from SpineLib.volume.crop import crop
from Testing.tasks.tiny import reordered, undo

SCAN = CtSettings(matrix=100, slices=100, spacing=1.8, thickness=2.0, region="lumbar", healthy=1.0, metal=0, sagittal=0)


@pytest.fixture(scope="module")
def bundle():
    return find_bundle("column-ct")


@pytest.fixture(scope="module")
def drawn():
    return simulate_ct(77, SCAN)


@pytest.fixture(scope="module")
def found(drawn, bundle):
    return segment_vertebrae(drawn.ct, bundle)


def of_each(labels: np.ndarray, drawn) -> dict[int, tuple[int, float]]:
    """By true number: the found label that covers it best, and Dice, of vertebrae that the image does not cut."""
    result = {}
    for one in drawn.truth["vertebrae"]:
        if one["touches_border"] or one["label"] >= 26:
            continue
        true = drawn.vertebrae.array == one["label"]
        counts = np.bincount(labels[true], minlength=2)
        counts[0] = 0
        best = int(counts.argmax())
        own = labels == best
        result[one["label"]] = best, 2 * float((own & true).sum()) / float(own.sum() + true.sum())
    return result


def test_every_whole_vertebra_is_found_and_none_is_merged_with_another(found, drawn):
    best = of_each(found.labels.array, drawn)
    assert len(best) >= 3 and len({label for label, _ in best.values()}) == len(best)
    assert min(dice for _, dice in best.values()) > 0.75  # voxels of 2 mm, most of them at a surface


def test_hips_and_ribs_are_no_vertebrae(found, drawn):
    other = drawn.parts.array == 6
    assert np.mean(np.isin(found.labels.array[other], range(1, 26))) < 0.05


def test_both_models_are_in_the_provenance(found):
    assert found.provenance["model"]["id"] == "column-ct"
    assert found.provenance["parameters"]["outline"]["id"] == "vertebrae-ct-vnet"
    assert len(found.provenance["parameters"]["outline"]["sha256"]) == 64


def test_the_column_alone_can_be_chosen(drawn, bundle, found):
    alone = segment_vertebrae(drawn.ct, bundle, VertebraeSettings(outline="none"))
    assert "sha256" not in str(alone.provenance["parameters"])
    assert len(alone.vertebrae) == len(found.vertebrae)
    assert (alone.labels.array != found.labels.array).any()


def test_a_model_that_is_no_network_of_slices_draws_no_outlines(drawn, bundle):
    with pytest.raises(SpineError, match="outlines need one for vertebra-segmentation"):
        segment_vertebrae(drawn.ct, bundle, VertebraeSettings(outline="column-ct"))


def test_any_axis_order_gives_the_same_vertebrae_as_of_a_patient_who_lies_prone_or_feet_first(found, drawn, bundle):
    axes, flips = (2, 0, 1), (True, False, True)
    turned = segment_vertebrae(reordered(drawn.ct, axes, flips), bundle)
    np.testing.assert_array_equal(undo(turned.labels.array, axes, flips), found.labels.array)
    # Where they lie in the patient is the same, too; to a hundredth of a millimetre, to which it is rounded.
    centres = [[one.centre_lps_mm for one in each.vertebrae] for each in (turned, found)]
    np.testing.assert_allclose(*centres, atol=0.011)


def test_three_vertebrae_alone_are_three_and_what_is_cut_is_told(bundle, drawn, found):
    whole = [one["label"] for one in drawn.truth["vertebrae"] if not one["touches_border"] and one["label"] < 26][:3]
    rows = np.flatnonzero(np.isin(drawn.vertebrae.array, whole[1:2]).any((1, 2)))
    part = slice(max(0, rows[0] - 12), rows[-1] + 13)  # 24 mm on either side: most of a vertebra
    height, *size = drawn.ct.shape
    three = segment_vertebrae(crop(drawn.ct, (part, slice(0, size[0]), slice(0, size[1]))), bundle)
    own = drawn.vertebrae.array[part] == whole[1]
    counts = np.bincount(three.labels.array[own], minlength=2)
    counts[0] = 0
    inside = three.labels.array == counts.argmax()
    assert 2 * (inside & own).sum() / (inside.sum() + own.sum()) > 0.75
    assert any("cut by the image's edge" in text for one in three.vertebrae for text in one.incomplete)


def test_an_arch_without_its_pedicle_stays_with_its_body_or_is_told_of(bundle):
    case = simulate_ct(78, replace(SCAN, healthy=0.0, metastases=(1, 1), arch=1.0))
    hit = case.truth["lesions"][0]["label"]
    found = segment_vertebrae(case.ct, bundle)
    own = case.vertebrae.array == hit
    body, arch = (np.bincount(found.labels.array[own & (case.parts.array == part)], minlength=2) for part in (1, 2))
    body[0] = arch[0] = 0
    told = [one for one in found.vertebrae if one.label == body.argmax() and one.incomplete]
    assert body.argmax() == arch.argmax() or told


def test_progress_is_told_often(drawn, bundle):
    told = []
    segment_vertebrae(drawn.ct, bundle, progress=lambda fraction, text: told.append(fraction))
    assert told == sorted(told) and told[-1] == 1.0 and len(told) > 30
