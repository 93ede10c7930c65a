"""Distance to the canal, and what is proposed for Bilsky's grade and for SINS: bodies whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.jobs import compare
from SpineLib.metrics.spine_scores import BILSKY, SINS, sins_class, sins_location, sins_total
from SpineLib.tasks.stability.canal import bilsky_proposal, canal_distance
from SpineLib.tasks.stability.form import distance_words
from SpineLib.tasks.stability.parts import SpineParts
from SpineLib.tasks.stability.proposals import answers, lowest_height, sins_proposals
from SpineLib.volume import write_volume
from Testing.tasks.balls import ball, box, grid, moved_by, places

ON = grid((1.0, 1.0, 1.0), half=40.0)


def tube(radius=8.0, centre=(0.0, 20.0)):
    """A canal along the patient's axis, LPS mm."""
    where = places(ON)
    return ON.with_array((np.hypot(where[..., 0] - centre[0], where[..., 1] - centre[1]) <= radius).astype(np.uint8))


@pytest.mark.parametrize(("front", "apart"), [(-10.0, 16.0), (0.0, 6.0), (4.0, 2.0)])
def test_the_distance_of_a_ball_before_the_canal_is_that_of_the_surfaces(front, apart):
    found = canal_distance(ball(6.0, (0, front, 0), ON), tube())
    assert found.distance_mm == pytest.approx(apart, abs=0.4) and found.inside_ml == found.occupied_share == 0


def test_a_ball_in_the_canal_is_as_deep_as_its_farthest_point_and_takes_its_share():
    found = canal_distance(ball(6.0, (0, 10, 0), ON), tube())
    assert found.distance_mm == pytest.approx(-4, abs=0.4)
    d, r, s = 10.0, 6.0, 8.0
    # The lens of two circles of 6 and 8 mm, 10 mm apart.
    first = r**2 * np.arccos((d**2 + r**2 - s**2) / (2 * d * r)) + s**2 * np.arccos((d**2 + s**2 - r**2) / (2 * d * s))
    lens = first - 0.5 * np.sqrt((-d + r + s) * (d + r - s) * (d - r + s) * (d + r + s))
    assert found.occupied_share == pytest.approx(lens / (np.pi * s**2), abs=0.03)


def test_the_registration_of_the_necrosis_is_honoured():
    assert canal_distance(ball(6.0, (0, 30, 0), ON), tube(), moved_by(y=-30.0)).distance_mm == pytest.approx(6, abs=0.4)
    with pytest.raises(SpineError, match="canal is empty"):
        canal_distance(ball(6.0, on=ON), ON)


def test_a_lesion_that_swallows_the_canal_has_no_distance_from_it():
    short = tube()
    short.array[np.abs(places(ON)[..., 2]) > 10] = 0
    around = box((-18, 2, -16), (18, 38, 16), ON)  # 18 mm before and behind the canal's middle, 16 above and below
    found = canal_distance(around, short)
    deepest = 18 - 8 / np.sqrt(2)  # of the canal's round surface within the lesion's square one
    assert found.distance_mm == pytest.approx(-deepest, abs=1.0), "to a voxel"
    assert found.inside_ml == pytest.approx(np.count_nonzero(short.array) / 1000) and found.occupied_share == 1
    assert "into the spinal canal" in distance_words("lesion", found.to_dict())
    assert bilsky_proposal(found)[0] == ""
    assert distance_words("lesion", {"distance_mm": -0.0}) == "Lesion to spinal canal: 0.0 mm."


def test_a_distance_has_the_error_of_its_registration_and_no_figure_where_that_is_not_to_be_trusted():
    necrosis = ball(6.0, (0, 30, 0), ON)
    known = canal_distance(necrosis, tube(), moved_by(y=-30.0), error_mm=1.8)
    assert "mm ± 1.8 mm." in distance_words("necrosis", known.to_dict())
    into = canal_distance(necrosis, tube(), moved_by(y=-20.0), error_mm=1.8)
    assert "mm ± 1.8 mm into the spinal canal" in distance_words("necrosis", into.to_dict())
    bad = canal_distance(necrosis, tube(), moved_by(y=-30.0), error_mm=6.0, trusted=False)
    told = distance_words("necrosis", bad.to_dict())
    assert "the registration is not to be trusted" in told and not any(one.isdigit() for one in told)


def test_the_job_of_a_comparison_gives_the_necrosiss_distance_its_registrations_error(tmp_path):
    for name, mask in (("lesion", ball(6.0, on=ON)), ("canal", tube())):
        write_volume(mask, tmp_path / f"{name}.nrrd")
    lesion = str(tmp_path / "lesion.nrrd")
    asked = {
        "inputs": {"metastasis": lesion, "necrosis": lesion},
        "after_to_before_lps": np.eye(4).tolist(),
        "error_mm": 6.0,
        "trusted": False,
        "canal": {"path": str(tmp_path / "canal.nrrd"), "by": ""},
    }
    found = compare.run(asked, tmp_path)["comparison"]["canal"]
    assert (found["metastasis"]["error_mm"], found["metastasis"]["trusted"]) == (None, True)
    assert (found["necrosis"]["error_mm"], found["necrosis"]["trusted"]) == (6.0, False)


def test_nothing_is_proposed_from_masks_of_another_place():
    lesion, body, arch = ball(6.0, on=ON), box((-18, -14, -12), (18, 14, 12), ON), box((-18, 16, -12), (18, 30, 12), ON)
    here = sins_proposals(lesion=lesion, body=body, arch=arch, neighbours=(body,))
    assert answers(here) == {"collapse": "none", "posterolateral": "none"}
    away = [replace(one, origin=(500.0, 0.0, 0.0)) for one in (body, arch, tube())]
    assert sins_proposals(lesion=lesion, body=away[0], arch=away[1], neighbours=(away[0],)) == {}
    grade, why = bilsky_proposal(canal_distance(lesion, away[2]))
    assert grade == "" and "do not lie at one place" in why


def test_bilsky_is_proposed_only_where_masks_can_tell():
    grade, why = bilsky_proposal(canal_distance(ball(6.0, (0, 0, 0), ON), tube()))
    assert grade == "0" and "away from the canal" in why and grade in BILSKY
    for front, words in ((6.0, "touches the canal's border"), (10.0, "1a or higher")):
        grade, why = bilsky_proposal(canal_distance(ball(6.0, (0, front, 0), ON), tube()))
        assert grade == "" and words in why


@pytest.mark.parametrize(
    ("level", "option"),
    [("C1", "junctional"), ("C2", "junctional"), ("C3", "mobile"), ("C6", "mobile"), ("C7", "junctional"),
     ("T2", "junctional"), ("T3", "semirigid"), ("T10", "semirigid"), ("T11", "junctional"), ("L1", "junctional"),
     ("L2", "mobile"), ("L4", "mobile"), ("L5", "junctional"), ("S1", "junctional"), ("S3", "rigid"),
     ("L1/L2", "junctional"), ("L2/L1", "junctional"), ("sacrum", ""), ("vertebra 4 from below", ""), ("", "")],
)  # fmt: skip
def test_the_location_of_each_level(level, option):
    assert sins_location(level) == option


def test_points_and_classes_are_those_of_the_paper():
    most = {key: one.options[0].key for key, one in SINS.items()}
    least = {key: one.options[-1].key for key, one in SINS.items()}
    assert sins_total(most) == 18 and sins_total(least) == 0
    assert sins_total(most | {"pain": ""}) is None
    assert [sins_class(total) for total in (6, 7, 12, 13)] == [
        "stable",
        "potentially unstable",
        "potentially unstable",
        "unstable",
    ]


@pytest.mark.parametrize(("hu", "option"), [(-20, "lytic"), (900, "blastic")])
def test_the_kind_of_a_lesion_is_proposed_by_its_hu_beside_the_bone_around_it(hu, option):
    body = box((-18, -14, -12), (18, 14, 12), ON)
    lesion = ball(7.0, on=ON)
    rng = np.random.default_rng(0)
    ct = ON.with_array(np.where(lesion.array != 0, hu, rng.normal(200, 60, ON.shape)).astype(np.float32))
    found = sins_proposals("L3", lesion, ct, body)
    assert answers(found) == {"location": "mobile", "bone": option}
    alike = ON.with_array(rng.normal(200, 60, ON.shape).astype(np.float32))
    assert "bone" not in sins_proposals("L3", lesion, alike, body), "it can't be told"


def test_loss_of_height_and_the_part_of_the_body_are_proposed():
    whole = box((-18, -14, -12), (18, 14, 12), ON)  # 25 voxels of 1 mm
    flat, wedge = box((-18, -14, -4), (18, 14, 4), ON), box((-18, -14, -12), (18, 14, 12), ON)
    wedge.array[(places(ON)[..., 1] < -5) & (places(ON)[..., 2] > 4)] = 0
    heights = [lowest_height(one) for one in (whole, flat, wedge)]
    assert heights == pytest.approx([24, 8, 16], abs=1.01), "to a voxel"
    other = box((-18, -14, -12), (18, 14, 12), ON)

    def pick(body, lesion):
        return sins_proposals(body=body, neighbours=(other, other), lesion=lesion)["collapse"].option

    assert pick(flat, None) == "over_half" and pick(wedge, None) == "under_half"
    assert (
        pick(whole, ball(5.0, on=ON)) == "none"
        and pick(whole, box((-18, -14, -12), (18, 14, 4), ON)) == "body_involved"
    )
    assert "collapse" not in sins_proposals(body=whole), "nothing to compare with"


def test_the_sides_of_the_arch_are_told_apart():
    body, arch = box((-18, -14, -12), (18, 14, 12), ON), box((-18, 16, -12), (18, 30, 12), ON)

    def pick(lesion):
        return sins_proposals(lesion=lesion, arch=arch, body=body)["posterolateral"]

    assert pick(ball(5.0, on=ON)).option == "none"
    one = pick(ball(6.0, (12, 20, 0), ON))
    assert one.option == "unilateral" and "on the left" in one.reason, "x grows to the patient's left"
    assert pick(box((-16, 10, -3), (16, 20, 3), ON)).option == "bilateral"


def test_a_canal_that_ends_above_the_lesion_is_told_and_no_grade_is_proposed_from_it():
    short = tube()
    short.array[places(ON)[..., 2] < 2] = 0
    near = canal_distance(ball(6.0, (0, 0, 0), ON), short, canal_by="column-mr")
    assert 0.2 < near.beside < 0.5
    told = distance_words("lesion", near.to_dict())
    assert "not marked all along it" in told and "found by 'column-mr', not by a person" in told
    assert bilsky_proposal(near)[0] == ""


def vertebrae():
    """Bodies and arches of L2 to L4, 25 mm apart; L4 is cut off below, L3 is flat."""
    labels, names = ON.with_array(np.zeros(ON.shape, np.uint8)), {}
    for number, (level, centre, half) in enumerate((("L2", 25, 10), ("L3", 0, 4), ("L4", -34, 10))):
        for label, part, front in ((2 * number + 1, "body", -14), (2 * number + 2, "arch", 14)):
            one = box((-15, front, centre - half), (15, front + 24, centre + half), ON)
            labels.array[one.array != 0] = label
            names[label] = f"{level} {part}"
    return SpineParts(labels, names)


def test_a_lesions_vertebra_is_found_by_name_or_by_what_it_lies_in_with_its_whole_neighbours():
    parts = vertebrae()
    assert parts.of(ball(4.0, (0, -5, 25), ON)).name == "L2"
    own = parts.of(ball(4.0, (0, 0, 0), ON))
    assert own.name == "L3" and own.arch is not None
    assert len(own.neighbours) == 1, "L4 is cut off by the edge of the image"
    assert parts.of(ball(6.0, (0, 0, 12), ON), "L3").name == "L3", "the level that is known"
    assert parts.of(ball(2.0, (0, -35, 0), ON)) is None
    found = sins_proposals("L3", ball(4.0, on=ON), None, own.body, own.arch, own.neighbours)
    assert found["collapse"].option == "over_half" and "its neighbours 20 mm" in found["collapse"].reason
