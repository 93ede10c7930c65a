"""Simulated MR of metastases whose vertebrae have real shapes; the shapes here are themselves simulated."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.phantom.case import PhantomSettings
from SpineLib.phantom.ct import CtSettings, simulate_ct
from SpineLib.phantom.physics import draw_sequence
from SpineLib.phantom.shapes import shapes_of
from SpineLib.phantom.trunk.paint import acquire, draw_relaxation, kind_of
from SpineLib.phantom.trunk.patient import simulate_of_shapes
from SpineLib.phantom.trunk.stuff import Stuff
from SpineLib.volume.levels import VERSE_NUMBERS

ILL = PhantomSettings(slices=9, metastases=(3, 6), healthy=0.0, oversampling=2)


@pytest.fixture(scope="module")
def shapes():
    scan = CtSettings(
        matrix=150, slices=150, spacing=1.0, thickness=1.2, region="lumbar", healthy=1.0, metal=0.0, sagittal=0.0
    )
    return shapes_of(simulate_ct(21, scan).intact)


@pytest.fixture(scope="module")
def cases(shapes):
    return [simulate_of_shapes(seed, ILL, shapes) for seed in range(3, 6)]


def test_the_images_and_labels_of_a_patient_lie_on_one_grid_of_sagittal_slices(cases):
    for case in cases:
        first = case.images["T1"]
        assert first.shape[0] == 9 and first.array.dtype == np.int16
        for other in (case.images["T2"], case.lesions, *case.readers, case.vertebrae, case.tissue):
            assert other.shape == first.shape
            assert np.array_equal(other.ijk_to_lps, first.ijk_to_lps)
        # Slices follow each other to the left, rows go down, columns go back.
        assert np.array_equal(first.direction, [[0, 0, 1], [1, 0, 0], [0, -1, 0]])


def test_the_truth_says_how_large_each_metastasis_is_and_in_which_vertebra(cases):
    for case in cases:
        facts = case.truth["lesions"]
        assert facts
        for fact in facts:
            mask = case.lesions.array == fact["number"]
            assert fact["volume_ml"] == pytest.approx(mask.sum() * case.lesions.voxel_volume_ml, abs=1e-3)
            number = VERSE_NUMBERS["S" if fact["level"] == "S1" else fact["level"]]
            share = (case.vertebrae.array[mask] == number).mean()
            # Labels are those of the slice's middle plane, a lesion fills half of its slice.
            assert share > (0.3 if fact["breach"] else 0.8)


def test_one_in_the_arch_lies_behind_the_body(shapes):
    seen = 0
    for seed in range(20, 22):
        case = simulate_of_shapes(seed, replace(ILL, places=("posterior",)), shapes)
        centres = {v["level"]: v["centre_lps_mm"] for v in case.truth["vertebrae"]}
        for fact in case.truth["lesions"]:
            if fact["level"] == "S1":
                continue
            kji = ndimage.center_of_mass(case.lesions.array == fact["number"])
            place = (case.lesions.ijk_to_lps @ [*kji[::-1], 1.0])[:3]
            assert place[1] - centres[fact["level"]][1] > 8  # mm, of a body about 30 mm deep
            seen += 1
    assert seen


def test_a_lytic_metastasis_is_darker_on_T1_than_marrow_and_a_sclerotic_one_on_both_sequences():
    seen = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        patient = draw_relaxation(rng, 1.5, least_fat=0.25)
        tissues = np.full((30, 30, 6), Stuff.MARROW, np.uint8)
        tissues[..., 3:] = Stuff.LESION_A  # side by side, since the coil brightens what is near the back
        kind = kind_of(patient, Stuff.LESION_A)
        for name in ("T1", "T2") if kind == "sclerotic" else ("T1",):
            sequence = draw_sequence(rng, name, 1.5, wide=False)
            grey, _ = acquire(tissues, (1.0, 1.0, 4.0), rng, patient, sequence, 1)
            assert np.median(grey[..., 4:]) < np.median(grey[..., :2])
            seen.add((kind, name))
    assert seen == {("lytic", "T1"), ("sclerotic", "T1"), ("sclerotic", "T2")}


def test_the_same_seed_gives_the_same_patient(cases, shapes):
    again = simulate_of_shapes(3, ILL, shapes)
    assert np.array_equal(again.images["T2"].array, cases[0].images["T2"].array)
    assert again.truth == cases[0].truth


def test_a_healthy_patient_has_no_metastasis(shapes):
    case = simulate_of_shapes(3, replace(ILL, healthy=1.0), shapes)
    assert not case.lesions.array.any() and case.truth["lesions"] == []
