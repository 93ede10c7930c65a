"""Cases whose metastases have the areas of a published cohort."""

import json

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.errors import SpineError
from SpineLib.phantom import PhantomSettings, simulate, write_cohort
from SpineLib.volume import read_volume

RANGE = (1.65, 9.54)
SMALL = PhantomSettings(
    sequences=("STIR",),
    matrix=96,
    slices=15,
    oversampling=2,
    region="lumbar",
    spacing=1.25,
    healthy=0.0,
    metastases=(2, 2),
    lesion_area_cm2=RANGE,
)


def largest_areas(lesions):
    """cm2 of each lesion in the sagittal slice that shows most of it."""
    pixel = lesions.spacing[0] * lesions.spacing[1] / 100
    array = lesions.array
    return [float((array == n).sum(axis=(1, 2)).max() * pixel) for n in np.unique(array) if n]


def test_every_metastasis_of_every_case_has_a_wanted_area():
    areas = [area for seed in range(3) for area in largest_areas(simulate(seed, SMALL).lesions)]
    assert len(areas) == 6
    assert RANGE[0] <= min(areas) and max(areas) <= RANGE[1]


def test_areas_have_the_mean_that_is_wanted():
    wanted = PhantomSettings(**{**vars(SMALL), "mean_area_cm2": 5.07, "places": ("body", "whole")})
    areas = [area for seed in range(8) for area in largest_areas(simulate(seed, wanted).lesions)]
    # 16 draws of a triangular distribution with a standard deviation of 1.65 cm2: two standard errors are 0.8.
    assert len(areas) == 16 and abs(np.mean(areas) - 5.07) < 0.8
    assert RANGE[0] <= min(areas) and max(areas) <= RANGE[1]


def test_a_mean_area_that_the_smallest_vertebrae_have_no_room_for_stops_no_cohort():
    wanted = PhantomSettings(
        **{
            **vars(SMALL),
            "region": "cervicothoracic",
            "lesion_area_cm2": (1.65, 12.0),
            "mean_area_cm2": 8.0,
            "metastases": (1, 1),
        }
    )
    assert largest_areas(simulate(3, wanted).lesions)


@pytest.mark.parametrize("places", [("body",), ("pedicle", "posterior")])
def test_metastases_lie_only_where_they_are_wanted(places):
    wanted = PhantomSettings(**{**vars(SMALL), "places": places, "lesion_area_cm2": None})
    found = [fact["place"] for seed in range(4) for fact in simulate(seed, wanted).truth["lesions"]]
    assert found and set(found) <= set(places)


def test_only_the_kinds_that_are_wanted_are_drawn():
    wanted = PhantomSettings(**{**vars(SMALL), "kinds": ("sclerotic", "mixed"), "metastases": (2, 2)})
    kinds = [fact["kind"] for seed in range(4) for fact in simulate(seed, wanted).truth["lesions"]]
    assert set(kinds) == {"sclerotic", "mixed"} and len(kinds) == 8


def test_an_area_that_no_metastasis_has_is_one_sentence():
    with pytest.raises(SpineError, match="90 to 95 cm2; choose a wider range"):
        simulate(1, PhantomSettings(**{**vars(SMALL), "lesion_area_cm2": (90, 95), "metastases": (1, 1)}))


def test_a_cohort_begun_before_the_setting_existed_goes_on(tmp_path):
    settings = PhantomSettings(**{**vars(SMALL), "lesion_area_cm2": None})
    head = write_cohort(tmp_path / "c", 1, 5, settings) / "dataset_description.json"
    description = json.loads(head.read_text())
    del description["Settings"]["lesion_area_cm2"]
    head.write_text(json.dumps(description))
    write_cohort(tmp_path / "c", 1, 5, settings)


def test_the_command_keeps_to_area_and_number(tmp_path):
    status = main(
        [
            "phantom",
            "-o",
            str(tmp_path / "c"),
            "--cases",
            "1",
            "--seed",
            "5",
            "--sequences",
            "STIR",
            "--lesion-area",
            "2,6",
            "--metastases",
            "1,1",
            "--healthy",
            "0",
            "--matrix",
            "96",
            "--slices",
            "15",
            "--processes",
            "1",
        ]
    )
    areas = largest_areas(read_volume(tmp_path / "c/derivatives/labels/sub-001/anat/sub-001_label-lesion_mask.nii.gz"))
    assert status == 0 and len(areas) == 1 and 2 <= areas[0] <= 6


def test_the_command_draws_the_cohort_of_the_paper(tmp_path):
    status = main(
        [
            "phantom",
            "-o",
            str(tmp_path / "c"),
            "--cases",
            "1",
            "--seed",
            "6",
            "--sequences",
            "STIR",
            "--lesion-area",
            "1.65,9.54",
            "--mean-area",
            "5.07",
            "--places",
            "body,whole",
            "--metastases",
            "1,2",
            "--healthy",
            "0",
            "--matrix",
            "96",
            "--slices",
            "15",
            "--processes",
            "1",
        ]
    )
    settings = json.loads((tmp_path / "c/dataset_description.json").read_text())["Settings"]
    truth = json.loads((tmp_path / "c/derivatives/labels/sub-001/sub-001_truth.json").read_text())
    assert status == 0 and settings["mean_area_cm2"] == 5.07 and settings["places"] == ["body", "whole"]
    assert {fact["place"] for fact in truth["lesions"]} <= {"body", "whole"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--mean-area", "5"], "--mean-area needs --lesion-area"),
        (["--mean-area", "9", "--lesion-area", "1.65,9.54"], "give one of 4.28 to 6.91"),
        (["--places", "rib"], "--places is 'rib'; choose of body, pedicle, posterior, whole"),
        (["--places", "body", "--follow-up"], "--places does not go with --follow-up"),
        (["--mean-area", "5", "--ct"], "--mean-area does not go with --ct"),
    ],
)
def test_wrong_areas_and_places_are_one_sentence(tmp_path, capsys, options, told):
    assert main(["phantom", "-o", str(tmp_path / "c"), *options]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("text", ["9,2", "big", "0,3", "1,2,3"])
def test_a_wrong_range_is_refused_with_an_example(tmp_path, capsys, text):
    assert main(["phantom", "-o", str(tmp_path / "c"), "--lesion-area", text]) == 1
    assert f"--lesion-area is '{text}'" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
