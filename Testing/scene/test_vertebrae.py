"""Vertebrae in the scene: levels from names, codes and numbers; labels on the image's grid; results of a job."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.nodes import volume_from_node
from SpineLib.scene.results import SOURCE_ROLE, provenance_of
from SpineLib.scene.runs import export_inputs
from SpineLib.scene.vertebrae import (
    collect_vertebrae,
    import_vertebrae,
    preselect_ct,
    segment_named,
    set_numbers,
    vertebra_numbers,
)
from SpineLib.tasks.ct.vertebra_naming import verse_of_name, vertebra_terminology
from SpineLib.tasks.segmentation.naming import METASTASIS, VERTEBRA
from SpineLib.volume import write_volume
from SpineLib.volume.levels import FIRST_COUNTED, SNOMED, VERSE
from Testing.scene.bones import L2, L3, LESION, SHAPE, add_case, add_ct, add_segments, block, ids_of
from Testing.scene.grids import AXIS_ORDERS, add_transform, axis_matrix, rotation

PROVENANCE = {"task": "vertebrae", "model": {"id": "vertebrae-ct-unet"}, "time": "2024-05-06T14:05:09+02:00"}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("L3", 22), ("vertebrae_L3", 22), ("Vertebra L3 (31.2 ml)", 22), ("L3 vertebra", 22), ("th12", 19), ("D4", 11),
        ("T13", 28), ("C7", 7), ("L6", 25), ("sacrum", 26), ("vertebrae_S1", 26), ("Sacrum", 26), ("S", 26),
        ("lumbar vertebrae 1 (L1)", 20), ("thoracic vertebra 12", 19), ("L3 repaired", 22), ("22 L3", 22),
        ("liver", None), ("L3x", None), ("C8", None), ("L", None), ("Segment_22", None), ("heart_atrium_left", None),
        ("disc_L3_L4", None), ("L4/5", None), ("L4-L5", None), ("L4_5", None), ("Metastasis L4", None),
        ("T1 lesion", None), ("nerve root L5 left", None), ("rib_left_1", None), ("L3 pedicle", None), ("L3 T2w", None),
    ],
)  # fmt: skip
def test_a_level_is_read_from_a_segments_name(name, number):
    assert verse_of_name(name) == number


@pytest.fixture
def ct(scene):
    return add_ct()


def numbers_by_name(node):
    names = {segment: name for name, segment in ids_of(node).items()}
    return {names[segment]: number for segment, number in vertebra_numbers(node).items()}


def test_levels_of_totalsegmentator_are_found_among_other_organs(ct):
    node = add_segments(ct, {"liver": block(LESION), "vertebrae_L3": block(L3), "vertebrae_L2": block(L2)})
    assert numbers_by_name(node) == {"vertebrae_L3": 22, "vertebrae_L2": 21}


def test_levels_are_read_from_codes_where_names_tell_nothing(ct):
    node = add_segments(ct, {"upper": block(L2), "lower": block(L3)})
    for name, level in (("upper", "T12"), ("lower", "L1")):
        node.GetSegmentation().GetSegment(ids_of(node)[name]).SetTerminology(vertebra_terminology(level))
    assert numbers_by_name(node) == {"upper": 19, "lower": 20}


@pytest.mark.parametrize(
    ("upper", "lower", "levels"),
    [("Segment_21", "Segment_22", (21, 22)), ("30", "29", (21, 22)), ("28", "27", (23, 24)), ("25", "26", (25, 26))],
)
def test_numbers_are_of_verse_unless_they_rise_towards_the_head(ct, upper, lower, levels):
    """TotalSegmentator counts from below: its 27 is L5 and its 28 is L4."""
    node = add_segments(ct, {upper: block(L2), lower: block(L3)})
    found = numbers_by_name(node)
    assert (found[upper], found[lower]) == levels


@pytest.mark.parametrize(
    ("names", "levels"),
    [
        (("Metastasis L4", "vertebrae_L3"), {"vertebrae_L3": 22}),
        (("disc_L3_L4", "vertebrae_L4"), {"vertebrae_L4": 23}),
        (("T1 lesion", "vertebrae_T1"), {"vertebrae_T1": 8}),
        (("disc_L3_L4", "lesion"), {}),
        (("mine", "Lesion 2"), {"mine": FIRST_COUNTED}),
    ],
)
def test_discs_metastases_and_lesions_are_no_vertebrae_whatever_level_they_name(ct, names, levels):
    node = add_segments(ct, dict(zip(names, (block(L2), block(L3)))))
    assert numbers_by_name(node) == levels


def test_a_metastasis_coded_at_a_level_is_no_vertebra(ct):
    node = add_segments(ct, {"upper": block(L2), "lower": block(L3)})
    vertebra = vertebra_terminology("L2")
    for name, code in (("upper", vertebra), ("lower", METASTASIS.replace(str(VERTEBRA), vertebra.split("~")[5]))):
        node.GetSegmentation().GetSegment(ids_of(node)[name]).SetTerminology(code)
    assert numbers_by_name(node) == {"upper": 21}


@pytest.mark.parametrize("numbers", [None, "from-below:L3"])
def test_segments_that_are_numbered_from_below_get_levels_only_when_asked_for(ct, numbers):
    node = add_segments(ct, {"Segment_2": block(L2), "Segment_1": block(L3)})
    found = collect_vertebrae(node, numbers)
    names = {vertebra.name: vertebra.number for vertebra in found.segments}
    if numbers:
        assert names == {"L2": 21, "L3": 22} and "a count from below (L3 is 1)" in found.notes[0]
    else:
        assert names == {"Segment_2": 102, "Segment_1": 101} and "choose the numbering" in found.notes[0]


def test_a_numbering_is_noted_on_the_segmentation_and_taken_back(ct):
    node = add_segments(ct, {"Segment_2": block(L2), "Segment_1": block(L3)})
    set_numbers(node, "from-below:L3")
    assert numbers_by_name(node) == {"Segment_2": 21, "Segment_1": 22} and segment_named(node, "L2")
    for text in ("auto", "", None):
        set_numbers(node, "spider")
        set_numbers(node, text)
        assert numbers_by_name(node) == {"Segment_2": 102, "Segment_1": 101}
    with pytest.raises(SpineError, match="no numbering 'mine'"):
        set_numbers(node, "mine")


def test_a_numbering_that_the_places_contradict_is_refused(ct):
    node = add_segments(ct, {"Segment_21": block(L2), "Segment_22": block(L3)})
    with pytest.raises(SpineError, match="order along the spine"):
        collect_vertebrae(node, "totalsegmentator")


def test_names_whose_order_the_places_contradict_are_told(ct):
    (note,) = collect_vertebrae(add_segments(ct, {"L3": block(L2), "L2": block(L3)})).notes
    assert note.startswith("L3 lies above L2")


def test_without_any_level_each_segment_is_a_vertebra_of_unknown_level(ct):
    node = add_segments(ct, {"mine": block(L2), "other": block(L3)})
    assert numbers_by_name(node) == {"mine": FIRST_COUNTED, "other": FIRST_COUNTED + 1}
    assert [one.name for one in collect_vertebrae(node).segments] == ["mine", "other"]


def test_counted_vertebrae_keep_their_order_and_get_no_level(ct):
    """ "vertebra 2" is what a vertebra is called whose level nobody knows: it is not C2."""
    node = add_segments(ct, {"vertebra 2": block(L3), "vertebra 1": block(L2)})
    assert numbers_by_name(node) == {"vertebra 1": FIRST_COUNTED, "vertebra 2": FIRST_COUNTED + 1}


def test_a_level_that_two_segments_claim_is_the_firsts(ct):
    node = add_segments(ct, {"L3": block(L3), "L3 copy": block(L2)})
    assert numbers_by_name(node) == {"L3": 22, "L3 copy": FIRST_COUNTED}


@pytest.mark.parametrize(("order", "signs"), AXIS_ORDERS[::7])
def test_labels_volumes_and_centres_are_right_whatever_the_axis_order(scene, order, signs):
    matrix = rotation((4, 5, 6)) @ axis_matrix(order, signs, (1.5, 1.0, 2.0))
    ct, vertebrae, _ = add_case(matrix)
    found = collect_vertebrae(vertebrae)
    assert found.labels.same_grid(volume_from_node(ct), 1e-6) and found.labels.array.dtype == np.uint8
    np.testing.assert_array_equal(found.labels.array == 22, block(L3, without=LESION))
    np.testing.assert_array_equal(found.labels.array == 21, block(L2))
    heights = [one.centre_ras_mm[2] for one in found.segments]
    assert heights == sorted(heights, reverse=True), "from the top downwards"
    one = found.of(ids_of(vertebrae)["L2"])
    assert one.volume_ml == pytest.approx(block(L2).sum() * 3.0 / 1000)
    kji = np.argwhere(block(L2)).mean(axis=0)
    np.testing.assert_allclose(one.centre_ras_mm, (matrix @ [*kji[::-1], 1])[:3], atol=1e-6)
    assert not one.touches_border


def test_a_vertebra_at_the_edge_of_the_image_is_told(ct):
    cut = np.zeros(SHAPE, bool)
    cut[30:] = block(L2)[20:30]
    (one,) = collect_vertebrae(add_segments(ct, {"L2": cut})).segments
    assert one.touches_border


def test_a_segment_is_found_by_its_id_its_name_or_its_level(scene):
    _, vertebrae, _ = add_case()
    ids = ids_of(vertebrae)
    vertebrae.GetSegmentation().GetSegment(ids["L3"]).SetName("vertebrae_L3")
    assert segment_named(vertebrae, ids["L3"]) == segment_named(vertebrae, "vertebrae_L3") == ids["L3"]
    assert segment_named(vertebrae, "L3") == ids["L3"]
    with pytest.raises(SpineError, match="no vertebra 'T4'"):
        segment_named(vertebrae, "T4")


def test_nothing_chosen_and_nothing_drawn_are_one_sentence(ct):
    with pytest.raises(SpineError, match="No segmentation of the vertebrae"):
        collect_vertebrae(None)
    with pytest.raises(SpineError, match="are empty"):
        collect_vertebrae(add_segments(ct, {"L3": np.zeros(SHAPE, bool)}))
    assert vertebra_numbers(None) == {}


def answer(folder, ct):
    labels = np.zeros(SHAPE, np.uint8)
    labels[L2], labels[L3] = 21, 22
    write_volume(volume_from_node(ct).with_array(labels), folder / "labels.nrrd")
    names = [{"label": 21, "name": "L2"}, {"label": 22, "name": "L3"}]
    return {"labels": "labels.nrrd", "vertebrae": names, "provenance": PROVENANCE, "notes": ["Thick slices."]}


def test_a_result_becomes_a_segment_a_vertebra_on_the_cts_voxels_with_codes_and_provenance(ct, tmp_path):
    ct.SetAndObserveTransformNodeID(add_transform(rotation((0, 20, 10))).GetID())
    inputs = export_inputs({"CT": ct}, tmp_path)
    imported = import_vertebrae(tmp_path, answer(tmp_path, ct), inputs)
    node = imported.segmentation
    assert node.GetName() == "Doe^Jane CT vertebrae (vertebrae-ct-unet, 14.05.09)"
    assert node.GetNodeReference(SOURCE_ROLE) is ct and provenance_of(node) == PROVENANCE
    assert imported.notes == ["Thick slices."]
    for name, box in (("L2", L2), ("L3", L3)):
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, ids_of(node)[name], ct)
        np.testing.assert_array_equal(mask > 0, block(box))
        segment = node.GetSegmentation().GetSegment(ids_of(node)[name])
        assert SNOMED[name] in segment.GetTerminology() and "Vertebra" in segment.GetTerminology()
    assert numbers_by_name(node) == {"L2": 21, "L3": 22}


def test_a_scene_closed_meanwhile_gets_no_vertebrae(ct, scene, tmp_path):
    inputs = export_inputs({"CT": ct}, tmp_path)
    result = answer(tmp_path, ct)
    scene.Clear(0)
    count = scene.GetNumberOfNodes()
    assert import_vertebrae(tmp_path, result, inputs) is None and scene.GetNumberOfNodes() == count


def test_a_damaged_answer_leaves_the_scene_as_it_was(ct, scene, tmp_path):
    inputs = export_inputs({"CT": ct}, tmp_path)
    result = answer(tmp_path, ct)
    (tmp_path / "labels.nrrd").write_bytes(b"NRRD0004\n")
    count = scene.GetNumberOfNodes()
    with pytest.raises(SpineError):
        import_vertebrae(tmp_path, result, inputs)
    assert scene.GetNumberOfNodes() == count


def test_the_ct_and_the_vertebrae_are_told_from_other_nodes(scene):
    mr = add_ct()
    mr.SetName("t1_tse_sag")
    add_segments(mr, {"tumour": block(LESION)}, "something")
    assert preselect_ct() == {"ct": mr}, "a single volume is taken"
    ct, vertebrae, _ = add_case()
    assert preselect_ct() == {"ct": ct, "vertebrae": vertebrae}


def test_every_level_but_a_thirteenth_thoracic_and_a_sixth_lumbar_vertebra_has_its_code():
    assert set(VERSE.values()) - set(SNOMED) == {"T13", "L6"}


def test_the_codes_of_the_levels_are_those_of_the_extensions_own_list(repository):
    text = (repository / "Resources" / "Terminology" / "SpineOncologyAnatomy.term.json").read_text(encoding="utf-8")
    listed = {one["CodeMeaning"]: one["CodeValue"] for one in json.loads(text)["AnatomicCodes"]["AnatomicRegion"]}
    for level, code in SNOMED.items():
        assert listed["Sacrum" if level == "S" else f"{level} vertebra"] == code
