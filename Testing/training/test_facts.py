"""What a training writes down about itself, and how its kind is known again."""

import json
from types import SimpleNamespace

import pytest

from SpineLab.training.completion.config import CompletionConfig
from SpineLab.training.completion.export import export as export_completion
from SpineLab.training.ct_lesions.config import CtLesionConfig
from SpineLab.training.ct_lesions.export import export as export_ct_lesions
from SpineLab.training.detection.config import DetectorConfig
from SpineLab.training.detection.export import export as export_detection
from SpineLab.training.export import exporter
from SpineLab.training.facts import FILE, kind_of, names_of, read_facts, write_facts
from SpineLab.training.gan.config import GanConfig
from SpineLab.training.gan.export import export as export_gan
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.export import export as export_segmentation
from SpineLab.training.vertebrae.config import VertebraConfig
from SpineLab.training.vertebrae.export import export as export_vertebrae
from SpineLib.errors import SpineError

KINDS = [
    ("segmentation", SegmentationConfig(), export_segmentation),
    ("detection", DetectorConfig(), export_detection),
    ("ct-lesions", CtLesionConfig(), export_ct_lesions),
    ("vertebrae", VertebraConfig(), export_vertebrae),
    ("gan", GanConfig(), export_gan),
    ("completion", CompletionConfig(), export_completion),
]


@pytest.mark.parametrize(("kind", "config", "export"), KINDS)
def test_a_training_is_exported_by_the_task_whose_kind_it_wrote_down(kind, config, export, tmp_path):
    write_facts(tmp_path / "run", kind, "spine train", config.to_dict(), {"simulated": True, "description": "Balls."})
    assert exporter(tmp_path / "run") is export


@pytest.mark.parametrize(("kind", "config", "export"), KINDS)
def test_a_training_from_before_kinds_were_written_down_is_known_by_its_settings(kind, config, export):
    older = json.loads(json.dumps({"command": "spine train", "config": config.to_dict()}))
    assert kind_of(older) == kind


def test_a_kind_that_is_not_known_is_refused_by_its_name(tmp_path):
    write_facts(tmp_path / "run", "tractography", "spine train", {}, {})
    with pytest.raises(SpineError, match="'tractography'"):
        exporter(tmp_path / "run")


def test_the_card_tells_how_many_cases_were_trained_on_and_held_out(tmp_path):
    first, second, third = (SimpleNamespace(name=f"sub-{n}") for n in "123")
    names = names_of(training=[first, third], held_out=[second])
    write_facts(tmp_path / "run", "detection", "spine train", {}, {"simulated": False}, names)
    facts = read_facts(tmp_path / "run")
    assert facts["data"] == {"simulated": False, "training_cases": 2, "held_out_cases": 1}
    assert facts["cases"] == {"training": ["sub-1", "sub-3"], "held_out": ["sub-2"]}


@pytest.mark.parametrize("text", [None, "{"])
def test_a_folder_that_is_no_training_is_named(text, tmp_path):
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(SpineError, match="no folder of a training"):
        exporter(tmp_path)
