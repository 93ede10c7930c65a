"""Models of different tasks live side by side, and each program offers its own."""

import importlib.util

import pytest

from SpineLib.models import TASKS, save_bundle
from SpineLib.networks.unet import UNet


def models_of(name, repository):
    path = repository / name / f"{name}Lib" / "models.py"
    spec = importlib.util.spec_from_file_location(f"{name}_models", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("task", "target"),
    [("metastasis-segmentation", "metastasis"), ("necrosis-segmentation", "necrosis"), ("spine-segmentation", "spine")],
)
def test_a_card_says_what_its_model_looks_for(card, task, target):
    assert task in TASKS and card(task=task).target == target


def test_the_panel_for_metastases_offers_no_model_of_necrosis_or_vertebrae(card, user_models, repository, monkeypatch):
    from SpineLib.models import catalogue

    monkeypatch.setattr(catalogue, "bundled_folders", lambda: [])
    for task in ("metastasis-segmentation", "necrosis-segmentation", "spine-segmentation"):
        made = card(id=task.partition("-")[0], task=task)
        save_bundle(user_models / made.id, UNet(2, 2, (4, 6, 8)), made)
    module = models_of("SpineMetSeg", repository)
    assert [found.id for found in module.fittingModels({"T1", "T2"})] == ["metastasis"]


def test_models_of_necrosis_stand_in_the_order_of_their_measured_figures(repository):
    """Those that use all of the scans first; of those with as many inputs, the one that was measured best."""
    found = models_of("SpineNecrosis", repository).fittingModels("necrosis", {"ceT1", "T2"})
    places = [(len(card.inputs), card.figures["simulated"]["dice_mean"]) for card in found]
    assert len(places) == 3 and places == sorted(places, reverse=True)
    assert "necrosis-cet1t2-3d" not in [card.id for card in found], "the 2D one for the same scans is better"
