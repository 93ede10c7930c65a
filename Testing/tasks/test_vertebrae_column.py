"""Vertebrae of a CT by a model of the column: which models are offered, and what comes of one that sees no bone."""

import numpy as np
import pytest
import torch

from SpineLib.errors import SpineError
from SpineLib.models import ModelCard, save_bundle
from SpineLib.models.catalogue import vertebra_models
from SpineLib.models.networks import KINDS
from SpineLib.tasks.ct.vertebrae import VertebraeSettings, segment_vertebrae
from Testing.tasks.simulated_spine import spine_ct


def blind(folder, inputs=("CT",)):
    """A column's network that takes everything for background."""
    settings = {"type": "column", "inputs": 1, "parts": 7, "widths": [2, 4], "strides": [[2, 2, 2]]}
    network = KINDS["column"].build(settings)
    with torch.no_grad():
        network.last.weight.zero_()
        network.last.bias.copy_(torch.tensor([5.0] + [0.0] * 9))
    card = ModelCard(
        id="blind",
        title="Blind",
        task="column-segmentation",
        network=settings,
        inputs=inputs,
        preparation={"spacing": [2.0, 2.0, 2.0], "kind": "ct"},
        patch=(32, 32, 32),
        licence="Apache-2.0",
        training_data={"simulated": True, "description": "none"},
    )
    return save_bundle(folder / card.id, network, card)


def test_the_columns_model_is_taken_unless_the_user_names_another_and_the_papers_v_net_comes_next():
    assert [card.id for _, card in vertebra_models()][:2] == ["column-ct", "vertebrae-ct-vnet"]


def test_where_the_network_sees_no_vertebra_the_result_is_empty_on_the_cts_grid_and_says_so(tmp_path):
    ct = spine_ct(levels=2, spacing=2.0)[0]
    told = []
    found = segment_vertebrae(ct, blind(tmp_path), VertebraeSettings(first="L1"), lambda part, _: told.append(part))
    assert found.labels.same_grid(ct) and found.probability.same_grid(ct)
    assert found.labels.array.dtype == np.uint8 and not found.labels.array.any() and found.vertebrae == []
    assert any("No vertebra" in note for note in found.notes)
    assert found.provenance["parameters"]["levels"] == {"source": "count", "confidence": 0.0}
    assert told == sorted(told) and told[-1] == 1.0


def test_a_model_of_the_column_on_mr_is_refused(tmp_path):
    with pytest.raises(SpineError, match="choose one for"):
        segment_vertebrae(spine_ct(levels=2, spacing=2.0)[0], blind(tmp_path, ("T2",)))
