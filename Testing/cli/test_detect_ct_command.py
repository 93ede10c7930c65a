"""``spine detect --task ct-lesion`` from the shell."""

import csv
import json

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.tasks.ct.lesion_boxes import CtLesion, box_mask
from SpineLib.volume import read_volume, write_volume
from Testing.layers import write_layers
from Testing.tasks.tiny_ct_lesions import ct_with_blocks, save_bright_block_detector


@pytest.fixture
def patient(tmp_path):
    """A CT and a model: the options that name them."""
    bundle = save_bright_block_detector(tmp_path / "models" / "bright-blocks-ct")
    write_volume(ct_with_blocks((4, 72, 72)), tmp_path / "ct.nrrd")
    return [
        "detect",
        "--task",
        "ct-lesion",
        "--image",
        str(tmp_path / "ct.nrrd"),
        "--model",
        str(bundle.folder),
        "--device",
        "cpu",
    ]


def test_it_writes_lesions_a_table_and_the_boxes_as_labels(patient, tmp_path, capsys):
    files = [tmp_path / name for name in ("lesions.json", "lesions.csv", "boxes.nii.gz")]
    assert main([*patient, "-o", str(files[0]), "--csv", str(files[1]), "--mask", str(files[2])]) == 0
    written = json.loads(files[0].read_text())
    assert written["provenance"]["task"] == "detect-ct-lesions" and len(written["lesions"]) == 1
    rows = list(csv.DictReader(files[1].open()))
    assert rows[0]["lesion"] == "1" and (rows[0]["first_slice"], rows[0]["last_slice"]) == ("4", "6")
    boxes, lesion = read_volume(files[2]), written["lesions"][0]
    assert boxes.same_grid(read_volume(tmp_path / "ct.nrrd"))
    assert boxes.array.sum() * boxes.voxel_volume_ml == pytest.approx(np.prod(lesion["size_mm"]) / 1000, rel=0.05)
    out = capsys.readouterr().out
    assert "1 lesion from probability 0.5 on" in out and "trained on simulated data" in out
    assert "Research use only, not a medical device." in out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-o", "{}/ct.nrrd"], "name of an input"),
        (["-o", "{}/c.json", "--share", "0.7"], "means nothing with --task ct-lesion"),
        (["-o", "{}/c.json", "--mask", "{}/map.txt"], "cannot be written as '.txt'"),
        (["-o", "{}/c.json", "--anywhere"], "--vertebrae"),
        (["-o", "{}/c.json", "--threshold", "7"], "between 0 and 1"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence_before_any_work(patient, tmp_path, capsys, more, words):
    assert main([*patient, *(text.format(tmp_path) for text in more)]) == 1
    said = capsys.readouterr().err.strip()
    assert words in said and said.count("\n") == 0 and not (tmp_path / "c.json").exists()


def test_a_model_of_mr_is_refused(patient, tmp_path, capsys):
    from Testing.tasks.tiny_detector import save_detector

    other = save_detector(tmp_path / "mr")
    place = patient.index("--model") + 1
    assert main([*patient[:place], str(other.folder), *patient[place + 1 :], "-o", str(tmp_path / "c.json")]) == 1
    assert "does not find lesions on CT" in capsys.readouterr().err


def test_segments_that_overlap_say_where_the_column_is(patient, tmp_path, capsys):
    ct = read_volume(tmp_path / "ct.nrrd")
    assert main([*patient, "-o", str(tmp_path / "all.json")]) == 0
    (lesion,) = json.loads((tmp_path / "all.json").read_text())["lesions"]
    there = box_mask(ct, CtLesion.from_dict(lesion)).array
    away = np.zeros(ct.shape, np.uint8)
    away[:, -9:, -9:] = 1
    for name, masks, count in (
        ("with", {"vertebrae_L3": there, "vertebrae_L4": away, "Metastasis L4": there}, 1),
        ("without", {"vertebrae_L4": away, "Metastasis L4": there}, 0),
    ):
        write_layers(tmp_path / f"{name}.seg.nrrd", ct, masks)
        more = ["--vertebrae", str(tmp_path / f"{name}.seg.nrrd"), "-o", str(tmp_path / f"{name}.json")]
        assert main([*patient, *more]) == 0
        said = json.loads((tmp_path / f"{name}.json").read_text())
        assert len(said["lesions"]) == count and "1 other segment is no vertebra and was left out." in said["notes"]


def test_organs_of_a_foreign_map_do_not_widen_the_column(patient, tmp_path, capsys):
    """TotalSegmentator's liver (5) holds the lesion, its vertebrae (30 to 32) do not."""
    ct = read_volume(tmp_path / "ct.nrrd")
    assert main([*patient, "-o", str(tmp_path / "all.json")]) == 0
    (lesion,) = json.loads((tmp_path / "all.json").read_text())["lesions"]
    labels = np.zeros(ct.shape, np.uint8)
    labels[0:3, -9:, -9:], labels[3:6, -9:, -9:], labels[6:9, -9:, -9:] = 30, 31, 32
    labels[box_mask(ct, CtLesion.from_dict(lesion)).array > 0] = 5
    write_volume(ct.with_array(labels), tmp_path / "total.nrrd")
    capsys.readouterr()
    more = ["--vertebrae", str(tmp_path / "total.nrrd"), "--numbers", "totalsegmentator"]
    assert main([*patient, "-o", str(tmp_path / "few.json"), *more]) == 0
    said = json.loads((tmp_path / "few.json").read_text())
    assert said["lesions"] == [] and "The label 5 is no vertebra and was left out." in said["notes"]
    assert "The label 5 is no vertebra" in capsys.readouterr().out
