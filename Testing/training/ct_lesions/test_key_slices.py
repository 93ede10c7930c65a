"""Faster R-CNN learns from a folder in the form of DeepLesion."""

import json

import numpy as np
import pytest

from SpineLab.training.ct_lesions.key_slices import (
    chosen_images,
    prepare_key_slices,
)
from SpineLab.training.ct_lesions.loop import run_training
from SpineLib.cli.main import main
from SpineLib.errors import SpineError
from Testing.training.ct_lesions.test_deeplesion import folder  # noqa: F401  (the fixture)
from Testing.training.ct_lesions.test_training import TINY


def test_the_box_lies_around_the_diameters_in_the_key_slice(folder, tmp_path):  # noqa: F811
    preparation = TINY.changed(preparation={"pixel_mm": 0.8, "window": (-1000.0, 1000.0)}).preparation
    case = prepare_key_slices(chosen_images(folder), preparation, tmp_path / "cache")[0]
    assert case.images.shape == (3, 48, 64) and case.known.tolist() == [False, True, False]
    # The diameters reach from column 20 to 40 and from row 25 to 35, counted from 0 at the pixels' centres.
    assert case.boxes.tolist() == [[1, 20, 25, 41, 36, 1]]
    # The corner's value tells the slice: 109 HU in this window of 2000.
    assert case.images[:, 0, 0].tolist() == [round((1000 + number) * 255 / 2000) for number in (108, 109, 110)]


def test_boxes_follow_the_pixel_size_and_a_slice_alone_stands_for_its_neighbours(folder, tmp_path):  # noqa: F811
    preparation = TINY.changed(preparation={"pixel_mm": 1.4}).preparation
    case = prepare_key_slices(chosen_images(folder), preparation, tmp_path / "cache")[1]
    assert len(case.images) == 3 or case.known.sum() == 1
    number, x0, y0, x1, y1, _ = case.boxes[0]
    assert case.known[int(number)]
    # 4 to 9 columns and 3 to 6 rows of 0.7 mm, half of that in pixels of 1.4.
    assert (x1 - x0, y1 - y0) == pytest.approx((2.5, 1.5), abs=0.01)
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((6.5 / 2, 4.5 / 2), abs=0.01)


def test_slices_are_chosen_by_name(folder, tmp_path):  # noqa: F811
    (tmp_path / "spine.txt").write_text("000007_02_03_055.png\n")
    assert [image.series for image in chosen_images(folder, only=tmp_path / "spine.txt")] == ["000007_02_03"]
    (tmp_path / "spine.txt").write_text("other.png\n")
    with pytest.raises(SpineError, match="None of the slices"):
        chosen_images(folder, only=tmp_path / "spine.txt")


def test_a_training_on_deeplesion_keeps_patients_apart_and_is_not_called_simulated(folder, tmp_path):  # noqa: F811
    bundle = run_training(TINY.changed(optimisation={"steps": 1}), folder, tmp_path / "run", cache=tmp_path / "cache")
    facts = json.loads((tmp_path / "run" / "training.json").read_text())
    patients = [{name.partition("_")[0] for name in facts["cases"][group]} for group in ("training", "validation")]
    assert len(patients[0]) == len(patients[1]) == 1 and not patients[0] & patients[1]
    assert not facts["data"]["simulated"] and "DeepLesion" in bundle.card.training_data["description"]
    assert np.isfinite(list(bundle.card.figures["validation"].values())).all()


@pytest.mark.parametrize("as_given", [False, True])
def test_a_detector_is_measured_on_key_slices_beside_the_paper(folder, tmp_path, as_given):  # noqa: F811
    run_training(TINY.changed(optimisation={"steps": 1}), folder, tmp_path / "run", cache=tmp_path / "cache")
    call = ["evaluate", "ct-lesions", "--cohort", str(folder), "--model", str(tmp_path / "run" / "model")]
    more = ["--as-given"] if as_given else []
    assert main([*call, "-o", str(tmp_path / "out"), "--device", "cpu", *more]) == 0
    told = json.loads((tmp_path / "out" / "deeplesion.json").read_text())
    assert (told["slices"], told["patients"], told["own_windows_and_boxes"]) == (2, 2, as_given)
    assert 0 <= told["interval_95_by_patient"][0] <= told["average_precision"] <= 1
    assert "60.33" in (tmp_path / "out" / "deeplesion.md").read_text()


def test_a_detector_that_marks_what_is_marked_has_a_precision_of_one(folder):  # noqa: F811
    from SpineLab.evaluation.deeplesion import KeySliceEvaluation
    from SpineLib.metrics.average_precision import ImageBoxes

    boxes = np.array([[1.0, 2.0, 9.0, 8.0]])
    perfect = KeySliceEvaluation("m", ["a", "b"], [ImageBoxes(boxes, np.ones(1), boxes)] * 2, 1.0, "cpu", True)
    assert perfect.curve.average_precision == 1 and perfect.interval() == (1.0, 1.0)
