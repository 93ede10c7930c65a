"""What the label map of the vertebrae lacks is said by vertebra."""

from dataclasses import replace

import numpy as np
import pytest

from SpineLib.phantom.ct import CtSettings, simulate_ct
from SpineLib.tasks.ct.completeness import NO_ARCH, foreign_notes, missing_parts
from SpineLib.tasks.ct.vertebrae import VertebraInfo, whole_notes
from SpineLib.volume.crop import crop
from SpineLib.volume.volume import Volume

SCAN = CtSettings(
    matrix=140, slices=130, spacing=1.0, thickness=1.3, region="lumbar", healthy=1.0, metal=0.0, sagittal=0.0
)


@pytest.fixture(scope="module")
def drawn():
    case = simulate_ct(21, SCAN)
    whole = [fact["label"] for fact in case.truth["vertebrae"] if not fact["touches_border"] and fact["label"] < 25]
    return case, whole


def test_whole_vertebrae_lack_nothing(drawn):
    case, whole = drawn
    assert len(whole) >= 3 and not set(missing_parts(case.intact)) & set(whole)


def test_a_vertebra_without_half_its_arch_is_told_of_and_its_neighbours_are_not(drawn):
    case, whole = drawn
    number = whole[1]
    array = case.intact.array.copy()
    own = array == number
    middle = np.nonzero(own & (case.parts.array == 1))[2].mean()
    gone = own & (case.parts.array == 2) & (np.arange(array.shape[2]) > middle)
    array[gone] = 0
    found = missing_parts(case.intact.with_array(array))
    assert "no closed arch" in found[number][0]
    assert not set(found) & (set(whole) - {number})


def test_where_most_arches_are_open_the_image_may_lie_otherwise_than_its_header_says():
    def column(open_: int) -> list[VertebraInfo]:
        return [
            VertebraInfo(20 + n, f"L{1 + n}", 50.0, (0.0, 0.0, -30.0 * n), False, (NO_ARCH,) if n < open_ else ())
            for n in range(5)
        ]

    assert "3 of 5 vertebrae have no closed arch" in whole_notes(column(3))[0]
    assert "prone for supine" in whole_notes(column(5))[0]
    assert not any("header" in note for note in whole_notes(column(2)))


def test_a_vertebra_at_the_images_edge_is_cut(drawn):
    case, whole = drawn
    number = whole[1]
    rows = np.flatnonzero((case.intact.array == number).any(axis=(1, 2)))
    _, high, wide = case.intact.shape
    box = (slice(0, int(rows.mean())), slice(0, high), slice(0, wide))
    assert any("cut by the image's edge" in text for text in missing_parts(crop(case.intact, box))[number])


def test_votes_for_two_centres_are_told_of(drawn):
    case, whole = drawn
    cut = [fact["label"] for fact in case.truth["vertebrae"] if fact["touches_border"] and fact["label"] < 25]
    # As of a C7 that held a quarter of another; votes for one that is cut scatter as much.
    agreement = dict.fromkeys(whole, 0.9) | {whole[0]: 0.74} | dict.fromkeys(cut, 0.7)
    found = missing_parts(case.intact, agreement)
    assert "different centres" in found[whole[0]][-1] and whole[1] not in found
    assert cut and not any("different centres" in text for number in cut for text in found.get(number, ()))


def test_two_vertebrae_under_one_number_are_told_of(drawn):
    case, whole = drawn
    array = np.where(case.intact.array == whole[1], whole[0], case.intact.array)
    assert any("may be two vertebrae" in text for text in missing_parts(case.intact.with_array(array))[whole[0]])


def test_the_sacrum_has_no_arch_to_miss():
    case = simulate_ct(3, replace(SCAN, slices=170))
    assert 26 in np.unique(case.intact.array)
    assert all("arch" not in text for text in missing_parts(case.intact).get(26, ()))


def test_cement_and_screws_in_a_vertebra_are_told_of_and_dense_cortex_is_not():
    hu, array = np.full((40, 40, 40), 300, np.int16), np.zeros((40, 40, 40), np.uint8)
    array[2:18, 5:35, 5:35], array[22:38, 5:35, 5:35] = 21, 22
    hu[2:18, 5:7], hu[25:33, 15:23, 15:23] = 1900, 2600
    notes = foreign_notes(Volume(hu, (1.0,) * 3, (0.0,) * 3, np.eye(3)), Volume(array, (1.0,) * 3, (0.0,) * 3))
    assert len(notes) == 1 and notes[0].startswith("L3 holds 0.5 ml denser than 2000 HU")
