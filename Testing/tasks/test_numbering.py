"""Label maps of other programs: which number is which level, and what is never taken for a level."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.tasks.ct.numbering import label_of, read_vertebrae, verse_numbers
from SpineLib.tasks.ct.numbering_fit import Label
from SpineLib.tasks.ct.recognition import recognise
from SpineLib.volume import Volume, write_volume
from SpineLib.volume.levels import level_name
from SpineLib.volume.numberings import ASKED, COUNTS, NUMBERINGS, ORDER, asked_numberings
from Testing.spines import DOWN, HEIGHTS, numbers_of, spine, with_others

LUMBAR = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")
NECK = DOWN[:9]
#: Of whole vertebrae, ml, about.
VOLUMES = {"C": 13.0, "T": 28.0, "L": 52.0, "S": 180.0}


def levels(labels: Volume, numbers: str | None = None) -> list[str]:
    """Names of the vertebrae found, from above downwards."""
    return [level_name(number) for number in numbers_of(verse_numbers(labels, asked_numberings(numbers))[0])]


def part(first: str, last: str) -> tuple[str, ...]:
    return DOWN[DOWN.index(first) : DOWN.index(last) + 1]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (LUMBAR, range(18, 25)),  # VerSe
        (part("T8", "S"), [*range(15, 25), 26]),
        (part("T4", "T10"), range(11, 18)),
        (part("C2", "T2"), range(2, 10)),
        (part("L2", "L5"), range(21, 25)),
        (LUMBAR, range(33, 26, -1)),  # TotalSegmentator 2
        (part("T8", "S"), [*range(36, 26, -1), 25]),
        (DOWN, [*range(50, 26, -1), 25]),
        (LUMBAR, range(24, 17, -1)),  # TotalSegmentator 1, the first TotalSpineSeg
        (part("C1", "S"), [*range(41, 17, -1), 92]),
        (LUMBAR, [31, 32, 41, 42, 43, 44, 45]),  # TotalSpineSeg
        (part("T1", "T9"), range(21, 30)),
        (DOWN, [*range(11, 18), *range(21, 33), *range(41, 46), 50]),
    ],
)
def test_a_numbering_is_told_by_the_order_of_its_numbers_along_the_spine(names, numbers):
    assert levels(spine(names, numbers)) == list(names)


@pytest.mark.parametrize("scale", [0.75, 0.9, 1.1, 1.15])
@pytest.mark.parametrize("numbers", [range(18, 25), range(33, 26, -1), range(24, 17, -1), [31, 32, 41, 42, 43, 44, 45]])
def test_small_and_tall_people_are_read_as_others(numbers, scale):
    found = levels(spine(LUMBAR, numbers, scale=scale))
    assert found == list(LUMBAR) or all(name.startswith("vertebra") for name in found)
    if scale != 0.75:
        assert found == list(LUMBAR)


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (LUMBAR, range(7, 0, -1)),  # counted from below, 1 is L5 or S1: SPIDER without its discs, spineweb
        (LUMBAR, range(1, 8)),  # counted from above
        (LUMBAR, range(2, 9)),  # SPINEPS without its labelling
        (part("T3", "T9"), range(5, 12)),
        (part("C5", "T3"), range(37, 31, -1)),  # TotalSpineSeg's first numbers; TotalSegmentator 2 has T7 to T12 there
        (part("C1", "C7"), range(11, 18)),  # TotalSpineSeg; T4 to T10 of VerSe
        (part("T1", "T5"), range(21, 26)),  # TotalSpineSeg; L2 to L6 of VerSe
        (part("C1", "T1"), range(25, 17, -1)),  # TotalSegmentator MR; T10 to L5 of its version 1
        (("L1",), [31]),
        (("L5",), [27]),
        (("L4",), [1]),
    ],
)
def test_no_vertebra_gets_a_level_that_another_numbering_would_give_differently(names, numbers):
    labels = spine(names, numbers)
    found, notes = verse_numbers(labels)
    assert [level_name(n) for n in numbers_of(found)] == [f"vertebra {n}" for n in numbers]
    assert np.array_equal(found.array > 0, labels.array > 0)
    assert len(notes) == 1 and "--numbers" in notes[0]


@pytest.mark.parametrize("scale", [0.75, 1.0])
@pytest.mark.parametrize("key", ["verse", "totalsegmentator-v2", "totalsegmentator-v1", "totalspineseg-v2", "spider"])
def test_no_part_of_a_spine_is_ever_named_wrong(key, scale):
    """All parts from two vertebrae to the whole, by each program, of children and adults: right, or only counted.

    Two neighbours alone may be named wrong: their one distance is all there is to go by, and people differ.
    """
    table = {level: number for number, level in reversed(asked_numberings(key)[0].levels.items())}
    rng, names = np.random.default_rng(1), [name for name in DOWN if name in table]
    right = 0
    for first in range(len(names)):
        for last in range(first + 3, len(names) + 1, 2):
            levels, height, labels = names[first:last], 0.0, []
            for name in levels:
                size = HEIGHTS[name] * scale * rng.uniform(0.95, 1.05)
                place = np.array([*rng.normal(0, 2, 2), -height - size / 2])
                labels.append(Label(table[name], place, VOLUMES[name[0]] * scale**3, size * 1.3))
                height += size
            found = [level_name(recognise(labels).numbers.get(one.number, 102)) for one in labels]
            assert found == levels or all(name.startswith("vertebra") for name in found), (levels, found)
            right += found == levels
    assert key == "spider" or scale < 0.8 or right > 40


def test_a_single_number_is_verses_and_that_is_said():
    found, notes = verse_numbers(spine(["L3"], [22]))
    assert [level_name(n) for n in numbers_of(found)] == ["L3"] and "22 was taken as VerSe's L3" in notes[0]


def test_verses_own_numbers_are_taken_without_a_word():
    assert verse_numbers(spine(LUMBAR, range(18, 25)))[1] == []


def test_a_whole_map_of_totalsegmentator_gives_its_vertebrae_and_says_what_it_left_out():
    organs = {
        1: (20, 6, 30),
        5: (90, 6, 6),
        21: (4, 8, 30),
        22: (6, 6, 8),
        52: (60, 6, 20),
        90: (150, 30, 6),
        104: (120, 35, 35),
    }
    labels = with_others(spine(part("T9", "S"), [*range(35, 26, -1), 25]), organs)
    found, notes = verse_numbers(labels)
    assert [level_name(n) for n in numbers_of(found)] == list(part("T9", "S"))
    assert not found.array[np.isin(labels.array, list(organs))].any()
    assert any(str(len(organs)) + " labels (1, 5, 21, 22, 52, 90, 104) are no vertebrae" in note for note in notes)
    assert label_of("L3", found) == 22 and label_of("29", found) == 22
    with pytest.raises(SpineError, match="22 is not among the vertebrae"):
        label_of("22", found)  # the prostate


@pytest.mark.parametrize("scale", [0.7, 0.85, 1.0, 1.15])
@pytest.mark.parametrize("organs", [{22: (-55, 4, 20)}, {21: (-40, 2, 20), 22: (-55, 4, 20)}, {20: (-20, 4, 34)}])
def test_no_organ_below_the_spine_makes_another_version_of_it(organs, scale):
    """Bladder and prostate lie below L5 as version 1 has its lumbar below its thoracic vertebrae."""
    names = part("T9", "L5")
    whole = spine(names, range(35, 26, -1), scale=scale)
    deep = np.concatenate([np.zeros((60, 40, 40), np.uint16), whole.array])
    places = {number: (60 + k, j, i) for number, (k, j, i) in organs.items()}
    labels = with_others(Volume(deep, whole.spacing, whole.origin), {5: (100, 5, 5), **places})
    assert levels(labels) in (list(names), [f"vertebra {n}" for n in range(35, 26, -1)])
    if scale > 0.9:
        assert levels(labels) == list(names)


def test_organs_tell_the_versions_of_totalsegmentator_apart():
    """Thoracic vertebrae alone do not; ribs of the right have numbers above 104 in version 2 alone."""
    chest = spine(part("T3", "T9"), range(41, 34, -1))
    assert levels(chest)[0] == "vertebra 41"
    assert levels(with_others(chest, {110: (40, 5, 5), 117: (60, 5, 5)})) == list(part("T3", "T9"))
    older = spine(part("T3", "L2"), range(32, 20, -1))
    assert levels(with_others(older, {5: (20, 6, 30), 58: (90, 5, 5)})) == list(part("T3", "L2"))


def test_one_label_out_of_place_costs_only_its_own_level():
    names = part("T8", "L5")
    labels = spine(names, range(36, 26, -1))
    array = labels.array.copy()
    array[labels.array == 33] = 0
    array[2:10, 2:10, 2:10] = 33  # T11 lies at the bottom
    found, notes = verse_numbers(labels.with_array(array))
    assert [level_name(n) for n in numbers_of(found)] == [*(n for n in names if n != "T11"), "vertebra 33"]
    assert any("out of order" in note and "vertebra 33" in note for note in notes)


def test_the_discs_of_each_program_tell_its_numbers():
    between = {name: 150 - 15 * n for n, name in enumerate(LUMBAR)}

    def discs(first, step):
        return {first + step * n: (height, 6, 20) for n, height in enumerate(between.values())}

    spineps = with_others(spine(LUMBAR, range(18, 25)), discs(118, 1) | {218: (160, 30, 6)})
    assert levels(spineps) == list(LUMBAR)
    assert levels(with_others(spine(LUMBAR, range(2, 9)), discs(102, 1)))[0] == "vertebra 2"
    spider = with_others(spine(LUMBAR, range(7, 0, -1)), {100: (80, 35, 20)} | discs(207, -1))
    assert levels(spider) == list(LUMBAR)
    second = with_others(spine(NECK, [*range(11, 18), 21, 22]), {1: (60, 35, 20), 2: (50, 35, 8), 64: (70, 5, 20)})
    assert levels(second) == list(NECK)
    first = with_others(spine(NECK, range(41, 32, -1)), {200: (60, 35, 20), 201: (50, 35, 8), 222: (70, 5, 20)})
    assert levels(first) == list(NECK)


def test_a_sacrum_that_is_number_one_tells_that_two_is_l5():
    """TotalSegmentator's task vertebrae_mr; the sacrum is told by its size."""
    names = part("T11", "S")
    assert levels(spine(names, range(8, 0, -1))) == list(names)


def test_one_number_for_all_vertebrae_is_a_column_without_levels():
    column = np.zeros((120, 40, 40), np.uint8)
    column[10:110, 15:25, 15:25], column[2:9, 12:28, 12:28], column[5:100, 30:33, 18:22] = 19, 18, 21
    found, notes = verse_numbers(Volume(column, (2.0, 2.0, 2.5)))  # TotalSegmentator's task total_mr
    assert sorted(set(np.unique(found.array)) - {0}) == [26, 101] and "several vertebrae" in notes[0]
    assert not found.array[column == 21].any()


@pytest.mark.parametrize(
    ("asked", "numbers", "names"),
    [
        ("verse", range(1, 8), DOWN[:7]),
        ("spineps", range(1, 8), DOWN[:7]),
        ("spider", range(7, 0, -1), LUMBAR),
        ("from-below", range(7, 0, -1), LUMBAR),
        ("from-below:S1", range(8, 0, -1), (*LUMBAR, "S")),
        ("from-above:T11", range(1, 8), LUMBAR),
        ("totalsegmentator", range(33, 26, -1), LUMBAR),
        ("totalsegmentator", range(24, 17, -1), LUMBAR),
        ("totalsegmentator", [31], ["L1"]),
        ("totalsegmentator-v1", range(33, 26, -1), part("T2", "T8")),
        ("totalspineseg", range(37, 31, -1), part("C5", "T3")),
        ("totalspineseg", range(11, 18), part("C1", "C7")),
        ("mrspineseg", range(8, 1, -1), LUMBAR),
    ],
)
def test_what_the_user_says_settles_it(asked, numbers, names):
    assert levels(spine(names, numbers, height=30.0), asked) == list(names)


@pytest.mark.parametrize(
    ("asked", "numbers", "sentence"),
    [
        ("verse", range(7, 0, -1), "order along the spine contradicts"),
        ("totalsegmentator", range(18, 25), "order along the spine contradicts"),
        ("totalspineseg", [1, 2], "none of the numbers is a vertebra"),
    ],
)
def test_what_the_user_says_is_refused_where_the_order_contradicts_it(asked, numbers, sentence):
    with pytest.raises(SpineError, match=sentence):
        levels(spine(LUMBAR[: len(numbers)], numbers), asked)


def test_an_unknown_numbering_is_refused_with_those_there_are():
    with pytest.raises(SpineError, match="verse, totalsegmentator, .*from-below"):
        asked_numberings("dicom")
    with pytest.raises(SpineError, match="from-above:T11"):
        asked_numberings("from-above")
    assert asked_numberings(None) is asked_numberings("auto") is None


def test_a_level_is_asked_for_in_vain_where_the_numbering_is_not_known():
    found, _ = verse_numbers(spine(LUMBAR, range(7, 0, -1)))
    with pytest.raises(SpineError, match="L3 is not among the vertebrae; there are vertebra 1, .*numbers"):
        label_of("L3", found)
    assert level_name(label_of("3", found)) == "vertebra 3" == level_name(label_of("vertebra 3", found))


def test_numbers_stored_with_a_slope_are_whole(tmp_path):
    """nibabel stores 18 ... 24 as int16 with a slope; read back they are 17.99998."""
    labels = spine(LUMBAR, range(18, 25))
    image = nibabel.Nifti1Image(np.ascontiguousarray(labels.array.T).astype(float), np.diag([-3.0, -3.0, 2.0, 1.0]))
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "slope.nii.gz")
    stored = np.asanyarray(nibabel.load(tmp_path / "slope.nii.gz").dataobj)
    assert not np.array_equal(stored, np.rint(stored)), "the file holds fractions"
    found, _ = read_vertebrae(tmp_path / "slope.nii.gz")
    assert [level_name(n) for n in numbers_of(found)] == list(LUMBAR)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.linspace(0, 1, 1000).reshape(10, 10, 10).astype(np.float32), "fractions"),
        (-np.ones((10, 10, 10), np.int16), "negative"),
        (np.arange(4000, dtype=np.int16).reshape(10, 20, 20), "many values"),
    ],
)
def test_the_image_of_a_scan_is_no_label_map(array, sentence, tmp_path):
    write_volume(Volume(array), tmp_path / "scan.nii.gz")
    with pytest.raises(SpineError, match=sentence):
        read_vertebrae(tmp_path / "scan.nii.gz")


def test_real_maps_have_their_levels(shared_data):
    """By the README of the images, which names the levels of each."""
    expected = {
        "ct_spine/sub-verse012_seg-vert_msk.nii.gz": part("T10", "L3"),
        "ct_spine/ts_example_ct_vertebrae-totalseg.nii.gz": part("T11", "S"),
        "ct_dicom/ts_example_seg_dicom.nii.gz": part("T11", "T12"),  # all 117 labels of TotalSegmentator
        "vertebra_masks/malekosh_sample001_seg-vert_msk.nii.gz": part("T1", "L5"),
    }
    for name, names in expected.items():
        found, _ = read_vertebrae(shared_data / name)
        assert [level_name(n) for n in numbers_of(found)] == list(names), name


@pytest.mark.parametrize("add", [0, 17])
@pytest.mark.parametrize("case", ["DzZ_T1", "AKa_T1", "healthy02_T2", "F02_T2"])
def test_real_bodies_that_are_counted_from_below_are_no_cervical_vertebrae(shared_data, case, add):
    """The lowest body is L5 of one set and S1 of the other, so that nothing but the user can name them; 17 more are the
    numbers of TotalSpineSeg's first version."""
    image = nibabel.load(shared_data / "mr_lumbar" / f"{case}_vb-labels.nii.gz")
    own = np.asarray(image.dataobj).T
    array = np.where(own > 0, own + add, 0).astype(np.uint8)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    labels = Volume(array, image.header.get_zooms()[:3], affine[:3, 3], affine[:3, :3] / image.header.get_zooms()[:3])
    names, top = levels(labels), int(own.max())
    upwards = [name for name in reversed(ORDER) if name not in ("S1", "S", "L6", "T13")][:top]
    assert names == (list(reversed(upwards)) if add else [f"vertebra {n}" for n in range(top, 0, -1)])


def test_real_instances_of_spineps_without_levels_are_counted(shared_data):
    found, notes = read_vertebrae(shared_data / "mr_other" / "sub-mri_seg-vert_label-6_msk.nii.gz")
    assert [level_name(n) for n in numbers_of(found)] == ["vertebra 5", "vertebra 6", "vertebra 7"]
    assert "(105, 106, 205, 206, 207) are no vertebrae" in notes[-1]


def test_no_table_gives_two_levels_to_a_number_or_an_unknown_level():
    for numbering in NUMBERINGS:
        assert set(numbering.levels.values()) <= set(ORDER)
        assert not numbering.levels.keys() & numbering.others
    assert set(ASKED) >= {"verse", "totalsegmentator", "totalspineseg", "spineps", "spider"} and "from-below" in COUNTS


@pytest.mark.parametrize(
    ("key", "number", "level"),
    [
        ("totalsegmentator-v1", 18, "L5"), ("totalsegmentator-v1", 41, "C1"), ("totalsegmentator-v1", 92, "S"),
        ("totalsegmentator-mr", 2, "L5"), ("totalsegmentator-mr", 25, "C1"), ("totalspineseg-v2", 17, "C7"),
        ("totalspineseg-v2", 21, "T1"), ("totalspineseg-v2", 32, "T12"), ("totalspineseg-v2", 41, "L1"),
        ("totalspineseg-v2", 50, "S"), ("spider", 1, "L5"), ("spider", 24, "C1"), ("spineps", 20, "L1"),
        ("mrspineseg", 10, "T9"),
    ],
)  # fmt: skip
def test_the_numbers_are_those_of_each_programs_own_list(key, number, level):
    assert asked_numberings(key)[0].levels[number] == level
