"""Networks of other programs: the same output, read without running what stands in their files, refused by name."""

import json
import os
import pickle

import numpy as np
import pytest
import torch

from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from SpineLib.models.foreign.convert import Wish, convert
from SpineLib.models.foreign.unpickled import read_foreign_weights

#: float32 sums in another order, over some thousand products.
SAME = 1e-4


def _nnunet(folder, dimensions=3, classes=2, **changes):
    """A tiny PlainConvUNet with random weights in nnU-Net's files; the network itself."""
    unet = pytest.importorskip(
        "dynamic_network_architectures.architectures.unet", reason="dynamic_network_architectures is not installed"
    )
    axis = [1] * dimensions
    arguments = {
        "n_stages": 3,
        "features_per_stage": [4, 6, 8],
        "kernel_sizes": [[1, 3, 3][-dimensions:], [3] * dimensions, [3] * dimensions],
        "strides": [axis, [1, 2, 2][-dimensions:], [2] * dimensions],
        "n_conv_per_stage": [2, 2, 2],
        "n_conv_per_stage_decoder": [2, 1],
        "conv_bias": True,
    } | changes
    classed = {
        "conv_op": getattr(torch.nn, f"Conv{dimensions}d"),
        "norm_op": getattr(torch.nn, f"InstanceNorm{dimensions}d"),
        "nonlin": torch.nn.LeakyReLU,
    }
    torch.manual_seed(3)
    network = unet.PlainConvUNet(
        2,
        num_classes=classes,
        deep_supervision=False,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin_kwargs={"inplace": True},
        **arguments,
        **classed,
    ).eval()
    for parameter in network.parameters():  # nnU-Net's start leaves the normalisation at 1 and 0
        torch.nn.init.normal_(parameter, 0.1, 1.0)
    named = {
        "conv_op": f"torch.nn.modules.conv.Conv{dimensions}d",
        "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dimensions}d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    architecture = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": arguments | named,
    }
    configuration = {
        "architecture": architecture,
        "patch_size": [16, 32, 32][-dimensions:],
        "spacing": [4.0, 1.0, 0.9][-dimensions:],
        "normalization_schemes": ["ZScoreNormalization"] * 2,
        "use_mask_for_norm": [False, False],
    }
    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps({"configurations": {"own": configuration}}))
    (folder / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T1", "1": "T2"}}))
    logging = {"mean_fg_dice": [np.float64(0.5)], "epoch_end_timestamps": [1.0]}
    known = {"network_weights": network.state_dict(), "logging": logging, "current_epoch": 3, "init_args": {"fold": 0}}
    torch.save(known, folder / "fold_0" / "checkpoint_final.pth")
    return network


def _wish(**changes):
    return Wish(**{"identifier": "own", "inputs": ("T1", "T2"), "axes": "RSA", "configuration": "own"} | changes)


@pytest.mark.parametrize(("dimensions", "axes"), [(3, "RSA"), (2, "SA")])
def test_a_converted_nnunet_gives_the_same_probability(tmp_path, dimensions, axes):
    network = _nnunet(tmp_path / "nn", dimensions)
    convert(tmp_path / "nn", tmp_path / "own", _wish(axes=axes))
    image = torch.randn(1, 2, *[8, 32, 32][-dimensions:])
    with torch.no_grad():
        wanted = torch.softmax(network(image), dim=1)[:, 1]
        found = load_bundle(tmp_path / "own").network().probability(image)[:, 0]
    assert (wanted - found).abs().max() < SAME and wanted.std() > 10 * SAME


def test_a_network_of_images_turned_otherwise_is_turned(tmp_path):
    """Its slices are columns of ours: the output is the same on the image with its axes exchanged."""
    network = _nnunet(tmp_path / "nn", 3)
    convert(tmp_path / "nn", tmp_path / "own", _wish(axes="RAS"))
    image = torch.randn(1, 2, 8, 32, 16)
    with torch.no_grad():
        wanted = torch.softmax(network(image.transpose(3, 4)), dim=1)[:, 1].transpose(2, 3)
        found = load_bundle(tmp_path / "own").network().probability(image)[:, 0]
    assert (wanted - found).abs().max() < SAME


def test_a_converted_network_segments_as_any_other(tmp_path):
    from SpineLib.inference.predict import predict

    _nnunet(tmp_path / "nn", 2)
    bundle, _ = convert(tmp_path / "nn", tmp_path / "own", _wish(axes="SA"))
    channels = np.random.default_rng(0).normal(size=(2, 5, 30, 34)).astype(np.float32)
    network = bundle.network()
    found = predict(channels, network, precision="float32").probability
    padded = np.pad(channels[:, 2], ((0, 0), (0, 2), (0, 2)), mode="reflect")
    with torch.no_grad():
        wanted = network.probability(torch.from_numpy(padded)[None])[0, 0, :30, :34].numpy()
    assert np.abs(found[2] - wanted).max() < SAME


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_converted_dynunet_of_a_monai_bundle_gives_the_same_probability(tmp_path, dimensions):
    nets = pytest.importorskip("monai.networks.nets", reason="MONAI is not installed")
    arguments = {
        "spatial_dims": dimensions,
        "in_channels": 2,
        "out_channels": 2,
        "kernel_size": [3, 3, 3, 3],
        "strides": [1, 2, 2, 2],
        "upsample_kernel_size": [2, 2, 2],
        "filters": [4, 6, 8, 10],
        "norm_name": ["INSTANCE", {"affine": True}],
    }
    torch.manual_seed(1)
    network = nets.DynUNet(**{**arguments, "norm_name": ("INSTANCE", {"affine": True})}).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.1, 1.0)
    (tmp_path / "monai" / "configs").mkdir(parents=True)
    (tmp_path / "monai" / "models").mkdir()
    config = {"channels": 2, "network_def": {"_target_": "DynUNet", **arguments, "in_channels": "@channels"}}
    (tmp_path / "monai" / "configs" / "inference.json").write_text(json.dumps(config))
    torch.save(network.state_dict(), tmp_path / "monai" / "models" / "model.pt")
    convert(tmp_path / "monai", tmp_path / "own", _wish(axes="RSA"[-dimensions:]))
    image = torch.randn(1, 2, *[16] * dimensions)
    with torch.no_grad():
        wanted = torch.softmax(network(image), dim=1)[:, 1]
        found = load_bundle(tmp_path / "own").network().probability(image)[:, 0]
    assert (wanted - found).abs().max() < SAME


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"network_class_name": "x.ResidualEncoderUNet"}, "'ResidualEncoderUNet'"),
        ({"dropout_op": "torch.nn.Dropout3d"}, "'torch.nn.Dropout3d'"),
        ({"nonlin": "torch.nn.GELU"}, "'torch.nn.GELU'"),
        ({"norm_op": "torch.nn.GroupNorm"}, "'torch.nn.GroupNorm'"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(tmp_path, changes, sentence):
    _nnunet(tmp_path / "nn", 2)
    plans = json.loads((tmp_path / "nn" / "plans.json").read_text())
    architecture = plans["configurations"]["own"]["architecture"]
    for key, value in changes.items():
        (architecture if key in architecture else architecture["arch_kwargs"])[key] = value
    (tmp_path / "nn" / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(SpineError, match=sentence):
        convert(tmp_path / "nn", tmp_path / "own", _wish(axes="SA"))
    assert not (tmp_path / "own").exists()


def test_a_further_layer_and_a_third_class_are_refused_by_name(tmp_path):
    _nnunet(tmp_path / "three", 2, classes=3)
    with pytest.raises(SpineError, match="3 classes"):
        convert(tmp_path / "three", tmp_path / "own", _wish(axes="SA"))
    _nnunet(tmp_path / "nn", 2)
    path = tmp_path / "nn" / "fold_0" / "checkpoint_final.pth"
    known = torch.load(path, weights_only=False)
    known["network_weights"]["encoder.attention.weight"] = torch.zeros(3)
    torch.save(known, path)
    with pytest.raises(SpineError, match=r"encoder\.attention\.weight"):
        convert(tmp_path / "nn", tmp_path / "own", _wish(axes="SA"))


def test_how_images_were_turned_has_to_be_said(tmp_path):
    _nnunet(tmp_path / "nn", 2)
    with pytest.raises(SpineError, match="--axes"):
        convert(tmp_path / "nn", tmp_path / "own", _wish(axes=""))


class _Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_file_of_weights_is_refused_and_not_run(tmp_path, how):
    file, trap = tmp_path / "checkpoint_final.pth", tmp_path / "sprung"
    if how == "torch":
        torch.save({"network_weights": {"a": torch.zeros(1)}, "more": _Trap(trap)}, file)
    else:
        file.write_bytes(pickle.dumps({"a": _Trap(trap)}))
    with pytest.raises(SpineError, match=r"checkpoint_final\.pth"):
        read_foreign_weights(file)
    assert not trap.exists()
