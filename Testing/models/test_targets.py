"""Models of different tasks live side by side, and each program offers its own."""

import importlib.util

import pytest

from SpineLib.models import TASKS, save_bundle
from SpineLib.networks.unet import UNet


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
    path = repository / "SpineMetSeg" / "SpineMetSegLib" / "models.py"
    spec = importlib.util.spec_from_file_location("metseg_models", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert [found.id for found in module.fittingModels({"T1", "T2"}, 2)] == ["metastasis"]
