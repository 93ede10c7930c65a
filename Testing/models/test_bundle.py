"""Bundles come back as they were saved, and unsound ones are refused with one sentence."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from SpineLib.errors import SpineError
from SpineLib.models import load_bundle, read_card, save_bundle
from SpineLib.models.bundle import file_sha256


def _edit(folder, **changes):
    path = folder / "model.json"
    values = json.loads(path.read_text())
    for key, value in changes.items():
        if value is None:
            del values[key]
        else:
            values[key] = value
    path.write_text(json.dumps(values))


def _replace_weights(folder, state):
    save_file(state, folder / "weights.safetensors")
    _edit(folder, sha256=file_sha256(folder / "weights.safetensors"))


def _refusal(folder):
    with pytest.raises(SpineError) as caught:
        load_bundle(folder)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".")
    return text


def test_a_loaded_network_is_the_saved_one_to_half_precision_with_its_statistics(bundle):
    loaded, original = load_bundle(bundle.folder).network(), bundle.__dict__["original"]
    assert not loaded.training and loaded.last.weight.dtype == torch.float32
    for name, value in original.state_dict().items():
        assert torch.allclose(loaded.state_dict()[name].double(), value.double(), atol=1e-6, rtol=1e-3), name
    assert loaded.down[0][1].running_mean.abs().max() > 0
    x = torch.randn(1, 2, 16, 16)
    assert torch.allclose(loaded(x), original(x), atol=0.02)


def test_weights_are_stored_in_half_precision(bundle):
    kinds = {value.dtype for value in load_file(bundle.folder / "weights.safetensors").values()}
    assert kinds == {torch.float16, torch.int64}


def test_compact_weights_take_a_byte_each_and_are_off_by_half_a_step_of_their_channel_at_most(bundle, card, tmp_path):
    original = bundle.__dict__["original"]
    compact = save_bundle(tmp_path / "tiny", original, card(), compact=True)
    stored = load_file(compact.folder / "weights.safetensors")
    assert all(stored[name].dtype == torch.int8 for name, value in original.state_dict().items() if value.ndim > 1)
    state = load_bundle(compact.folder).network().state_dict()
    for name, value in original.state_dict().items():
        if value.ndim > 1:
            step = value.abs().flatten(1).amax(dim=1) / 127
            assert ((state[name] - value).abs().flatten(1).amax(dim=1) <= step * 0.5001).all(), name
        else:
            assert torch.allclose(state[name].double(), value.double(), atol=1e-6, rtol=1e-3), name


def test_a_channel_of_zeros_stays_zero_in_compact_weights(bundle, card, tmp_path):
    network = load_bundle(bundle.folder).network()
    with torch.no_grad():
        network.down[0][0].weight[1] = 0
    state = save_bundle(tmp_path / "zeros", network, card(), compact=True).network().state_dict()
    assert not state["down.0.0.weight"][1].any() and state["down.0.0.weight"][0].any()


@pytest.mark.parametrize("scale", [torch.ones(3), torch.ones(4, 1)])
def test_scales_that_do_not_fit_their_weights_are_refused(bundle, card, tmp_path, scale):
    folder = save_bundle(tmp_path / "tiny", bundle.__dict__["original"], card(), compact=True).folder
    _replace_weights(folder, {**load_file(folder / "weights.safetensors"), "down.0.0.weight.scale": scale})
    assert "not a valid safetensors file" in _refusal(folder)


def test_eight_bit_weights_without_their_scales_are_refused(bundle, card, tmp_path):
    folder = save_bundle(tmp_path / "tiny", bundle.__dict__["original"], card(), compact=True).folder
    state = load_file(folder / "weights.safetensors")
    del state["down.0.0.weight.scale"]
    _replace_weights(folder, state)
    assert "not a valid safetensors file" in _refusal(folder)


def test_the_card_comes_back_with_all_keys_and_its_text(bundle):
    assert read_card(bundle.folder) == bundle.card and read_card(bundle.folder).text == "# Tiny\n"
    values = json.loads((bundle.folder / "model.json").read_text())
    assert values["format"] == 1 and values["training_data"]["simulated"] is True
    assert "not a medical device" in values["notice"]


def test_damaged_weights_are_refused(bundle):
    path = bundle.folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "SHA-256" in _refusal(bundle.folder)


@pytest.mark.parametrize("key", ["sha256", "inputs", "network", "licence", "patch", "training_data", "notice", "id"])
def test_a_card_without_a_key_is_refused(bundle, key):
    _edit(bundle.folder, **{key: None})
    assert f"lacks {key}" in _refusal(bundle.folder)


def test_a_card_of_an_earlier_version_that_says_nothing_of_smoothing_means_none(bundle):
    _edit(bundle.folder, smoothing_mm=None)
    assert load_bundle(bundle.folder).card.smoothing_mm == 0


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"format": 2}, "format 2"),
        ({"format": "1"}, "format '1'"),
        ({"task": "find-cats"}, "task"),
        ({"id": "../evil"}, "id"),
        ({"id": "Ünlaut"}, "id"),
        ({"id": ""}, "id"),
        ({"id": "a..b"}, "id"),
        ({"inputs": ["T1", "T1"]}, "inputs"),
        ({"inputs": ["T1", "CT"]}, "inputs"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": "high"}, "threshold"),
        ({"patch": [32]}, "patch"),
        ({"patch": [32, "a"]}, "patch"),
        ({"network": {"type": "transformer", "dimensions": 2, "inputs": 2, "widths": [4, 6, 8]}}, "network"),
        ({"network": {"type": "unet", "dimensions": 2, "inputs": 1, "widths": [4, 6, 8]}}, "network"),
        ({"network": {"type": "unet", "dimensions": 2, "inputs": 2, "widths": [4, 10**9]}}, "network"),
        ({"network": "unet"}, "network"),
        ({"training_data": {"simulated": "no"}}, "training_data"),
        ({"smallest_lesion_ml": -1}, "smallest_lesion_ml"),
        ({"preparation": []}, "preparation"),
        ({"title": 3}, "title"),
        ({"smoothing_mm": -1}, "smoothing_mm"),
        ({"smoothing_mm": "much"}, "smoothing_mm"),
    ],
)
def test_a_card_with_a_wrong_value_is_refused(bundle, changes, word):
    _edit(bundle.folder, **changes)
    assert word in _refusal(bundle.folder)


def test_a_weight_of_another_shape_is_refused(bundle):
    state = load_file(bundle.folder / "weights.safetensors")
    state["last.weight"] = torch.zeros(1, 5, 1, 1)
    _replace_weights(bundle.folder, state)
    assert "'last.weight' has shape (1, 5, 1, 1) instead of (1, 4, 1, 1)" in _refusal(bundle.folder)


def test_a_missing_weight_and_one_too_many_are_refused(bundle):
    state = load_file(bundle.folder / "weights.safetensors")
    bias = state.pop("last.bias")
    _replace_weights(bundle.folder, state)
    assert "'last.bias' is missing" in _refusal(bundle.folder)
    _replace_weights(bundle.folder, {**state, "last.bias": bias, "more": bias.clone()})
    assert "'more' is too many" in _refusal(bundle.folder)


def test_a_pickle_in_place_of_the_weights_is_refused_and_never_run(bundle, tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    torch.save({"a": Evil()}, bundle.folder / "weights.safetensors")
    _edit(bundle.folder, sha256=file_sha256(bundle.folder / "weights.safetensors"))
    assert "not a valid safetensors file" in _refusal(bundle.folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["{", "[]", "\u00ff"])
def test_a_model_json_that_is_no_json_object_is_refused(bundle, text):
    (bundle.folder / "model.json").write_bytes(text.encode("latin-1"))
    assert "model.json" in _refusal(bundle.folder)


def test_a_folder_without_card_or_without_weights_is_refused(bundle, tmp_path):
    assert "no readable model.json" in _refusal(tmp_path / "nothing")
    (bundle.folder / "weights.safetensors").unlink()
    assert "no readable weights" in _refusal(bundle.folder)


def test_weights_too_large_for_half_precision_are_refused(bundle, card, tmp_path):
    network = load_bundle(bundle.folder).network()
    with torch.no_grad():
        network.last.weight.fill_(1e6)
    with pytest.raises(SpineError, match="half precision"):
        save_bundle(tmp_path / "large", network, card())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["last.bias", "down.0.0.weight"])
def test_a_weight_that_is_no_number_is_refused_and_does_not_become_no_lesion(bundle, value, name):
    state = load_file(bundle.folder / "weights.safetensors")
    name = name if name in state else next(key for key in state if key.endswith("weight"))
    state[name].view(-1)[0] = value
    _replace_weights(bundle.folder, state)
    assert f"'{name}' of the model's weights holds a value that is no number" in _refusal(bundle.folder)
    with pytest.raises(SpineError, match="no number"):
        bundle.network()


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": None},
        {"inputs": [["T1"]]},
        {"patch": 5},
        {"patch": [None, None]},
        {"network": {"type": ["unet"]}},
        {"network": {"type": "unet", "dimensions": "2", "inputs": 2, "widths": 4}},
        {"preparation": [1]},
        {"threshold": "NaN"},
    ],
)
def test_a_value_of_the_wrong_kind_in_a_card_is_one_sentence(bundle, changes):
    _edit(bundle.folder, **changes)
    assert "get" in _refusal(bundle.folder)


def test_a_card_that_nests_without_end_is_no_valid_json(bundle):
    (bundle.folder / "model.json").write_text("[" * 200_000)
    assert "not valid JSON" in _refusal(bundle.folder)
