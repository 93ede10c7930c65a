"""Cases whose metastases have the areas of a published cohort."""

import json

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.errors import SpineError
from SpineLib.phantom import PhantomSettings, simulate, write_cohort
from SpineLib.volume import read_volume

RANGE = (1.65, 9.54)
SMALL = PhantomSettings(sequences=("STIR",), matrix=96, slices=15, oversampling=2, region="lumbar", spacing=1.25,
                        healthy=0.0, metastases=(2, 2), lesion_area_cm2=RANGE)


def largest_areas(lesions):
    """cm2 of each lesion in the sagittal slice that shows most of it."""
    pixel = lesions.spacing[0] * lesions.spacing[1] / 100
    array = lesions.array
    return [float((array == n).sum(axis=(1, 2)).max() * pixel) for n in np.unique(array) if n]


def test_every_metastasis_of_every_case_has_a_wanted_area():
    areas = [area for seed in range(3) for area in largest_areas(simulate(seed, SMALL).lesions)]
    assert len(areas) == 6
    assert RANGE[0] <= min(areas) and max(areas) <= RANGE[1]


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
    status = main(["phantom", "-o", str(tmp_path / "c"), "--cases", "1", "--seed", "5", "--sequences", "STIR",
                   "--lesion-area", "2,6", "--metastases", "1,1", "--healthy", "0", "--matrix", "96", "--slices", "15",
                   "--processes", "1"])
    areas = largest_areas(read_volume(
        tmp_path / "c/derivatives/labels/sub-001/anat/sub-001_label-lesion_mask.nii.gz"))
    assert status == 0 and len(areas) == 1 and 2 <= areas[0] <= 6


@pytest.mark.parametrize("text", ["9,2", "big", "0,3", "1,2,3"])
def test_a_wrong_range_is_refused_with_an_example(tmp_path, capsys, text):
    assert main(["phantom", "-o", str(tmp_path / "c"), "--lesion-area", text]) == 1
    assert f"--lesion-area is '{text}'" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
