"""``spine detect`` and ``spine bench detect`` from the shell."""

import json

import pytest

from SpineLib.cli.main import main
from SpineLib.volume import read_volume, write_volume
from Testing.tasks.tiny_detector import save_detector, spine


@pytest.fixture
def patient(tmp_path):
    """An image and a model: the options that name them."""
    bundle = save_detector(tmp_path / "models")
    write_volume(spine(), tmp_path / "stir.nrrd")
    return [
        "detect",
        "--image",
        str(tmp_path / "stir.nrrd"),
        "--model",
        str(bundle.folder),
        "--device",
        "cpu",
        "--precision",
        "float32",
    ]


def test_it_writes_candidates_and_the_likelihood(patient, tmp_path, capsys):
    # This image shows no vertebra to keep to.
    files = ["-o", str(tmp_path / "c.json"), "--likelihood", str(tmp_path / "map.nrrd"), "--anywhere"]
    assert main([*patient, *files]) == 0
    written = json.loads((tmp_path / "c.json").read_text())
    assert len(written["candidates"]) == 1 and written["provenance"]["task"] == "detect"
    assert written["candidates"][0]["centre_ras_mm"] == pytest.approx([4.0, 10.0, 15.0], abs=2.0)
    assert read_volume(tmp_path / "map.nrrd").same_grid(spine())
    out = capsys.readouterr().out
    assert "1 candidate from likelihood 0.5" in out and "trained on simulated data" in out
    assert "Research use only, not a medical device." in out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-o", "{}/stir.nrrd"], "name of an input"),
        (["-o", "{}/none/c.json"], "does not exist"),
        (["-o", "{}/c.json", "--likelihood", "{}/map.txt"], "cannot be written as '.txt'"),
        (["-o", "{}/c.json", "--vertebrae", "{}/stir.nrrd", "--anywhere"], "give one of them"),
        (["-o", "{}/c.json", "--threshold", "7"], "between 0 and 1"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence_before_any_work(patient, tmp_path, capsys, more, words):
    assert main([*patient, *(text.format(tmp_path) for text in more)]) == 1
    said = capsys.readouterr().err.strip()
    assert words in said and said.count("\n") == 0 and not (tmp_path / "c.json").exists()


def test_anywhere_searches_the_middle_half_and_the_default_is_the_vertebral_column(patient, tmp_path):
    found = {}
    for name, more in (("column", []), ("anywhere", ["--anywhere"])):
        assert main([*patient, "-o", str(tmp_path / f"{name}.json"), *more]) == 0
        found[name] = json.loads((tmp_path / f"{name}.json").read_text())["provenance"]["parameters"]
    assert found["column"]["column"] is True and found["anywhere"]["column"] is False
    assert found["column"]["share"] is found["anywhere"]["share"] is None


def test_without_any_model_it_says_how_to_get_one(tmp_path, capsys, monkeypatch):
    from SpineLib.models import catalogue

    monkeypatch.setattr(catalogue, "bundled_folders", list)
    write_volume(spine(), tmp_path / "stir.nrrd")
    assert main(["detect", "--image", str(tmp_path / "stir.nrrd"), "-o", str(tmp_path / "c.json")]) == 1
    assert "spine models import" in capsys.readouterr().err


def test_the_bench_measures_both_ways_of_running_the_same_weights(tmp_path):
    from SpineLab.bench.detect import measure_here, told

    bundle = save_detector(tmp_path / "models")
    write_volume(spine(), tmp_path / "STIR.nrrd")
    figures = measure_here(tmp_path, str(bundle.folder), "cpu", 16)
    assert figures["size"] == [5, 90, 80] and figures["places_sampled"] == 16
    # The same weights; bfloat16 has 8 bits.
    assert figures["largest_difference"] < (1e-4 if figures["precision"] == "float32" else 0.1)
    share = 16 / (5 * 90 * 40)
    assert figures["patchwise_seconds_extrapolated"] == pytest.approx(figures["sample_seconds"] / share)
    assert "extrapolated from 16 places" in told(figures) and "simulated" in told(figures)
