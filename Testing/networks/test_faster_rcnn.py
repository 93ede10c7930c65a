"""VGG-16 and Faster R-CNN are the papers', take torchvision's weights, and learn to find a square."""

import pytest
import torch
from safetensors.torch import save_file

from SpineLib.errors import SpineError
from SpineLib.networks.faster_rcnn import FasterRCNN, ProposalSettings, initialise
from SpineLib.networks.vgg import VGG16, convolutions, load_torchvision_vgg16

NARROW = {"inputs": 1, "widths": (4, 4, 8, 8, 8), "hidden": 16, "scales": (16.0, 32.0, 64.0)}


def count(module: torch.nn.Module) -> int:
    return sum(values.numel() for values in module.parameters())


def full(kind, **arguments):
    """At full width without memory."""
    with torch.device("meta"):
        return kind(**arguments)


def test_vgg_16_of_full_width_has_as_many_parameters_as_the_published_one():
    network = full(VGG16)
    assert count(network.features) == 14_714_688 and count(network) == 138_357_544


def test_the_detector_of_full_width_has_vgg_16s_convolutions_and_fully_connected_layers_and_nine_anchors():
    network = full(FasterRCNN)
    assert count(network.features) == 14_714_688
    assert count(network.classifier) == count(full(VGG16).classifier) - (4096 + 1) * 1000
    assert network.proposer["objectness"].out_channels == 9 and network.proposer["deltas"].out_channels == 36
    assert network.proposer["convolution"].out_channels == 512


@pytest.mark.parametrize(
    ("batch_norm", "places"),
    [
        (False, [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]),
        (True, [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40]),
    ],
)
def test_convolutions_stand_where_torchvision_has_them(batch_norm, places):
    names = full(FasterRCNN, batch_norm=batch_norm).state_dict()
    found = [name for name, value in names.items() if name.startswith("features.") and value.ndim == 4]
    assert found == [f"features.{place}.weight" for place in places]
    assert {"classifier.0.weight", "classifier.3.weight"} <= names.keys()


def test_conv5_has_stride_16_and_the_networks_own_anchors_cover_it():
    network = FasterRCNN(**NARROW).eval()
    features = network.feature_map(torch.zeros(1, 1, 96, 160))
    assert features.shape == (1, 8, 6, 10) and network.anchors_on(features).shape == (6 * 10 * 9, 4)
    logits, deltas = network.proposal_scores(features)
    assert logits.shape == (1, 540) and deltas.shape == (1, 540, 4)


def test_conv5_of_stride_8_takes_the_same_weights_and_sees_the_same_surroundings_twice_as_finely():
    fine, coarse = (FasterRCNN(**NARROW, stride=stride).eval() for stride in (8, 16))
    fine.load_state_dict(coarse.state_dict())
    image = torch.zeros(1, 1, 96, 160)
    features = fine.feature_map(image)
    assert features.shape == (1, 8, 12, 20)
    places = fine.anchors_on(features).reshape(12, 20, 9, 4)
    assert torch.allclose((places[2, 7, :, :2] + places[2, 7, :, 2:]) / 2, torch.tensor([7.5 * 8, 2.5 * 8]))
    reach = []
    for network in (fine, coarse):
        network = initialise(network)
        seen = image.clone().requires_grad_()
        with torch.no_grad():
            for layer in network.features:
                if isinstance(layer, torch.nn.Conv2d):
                    layer.weight.fill_(1.0)
        network.feature_map(seen + 1.0)[0, 0, 6 * 16 // network.stride // 2, 10 * 16 // network.stride // 2].backward()
        columns = torch.nonzero(seen.grad[0, 0].any(dim=0))
        reach.append(int(columns.max() - columns.min()))
    assert reach[0] == pytest.approx(reach[1], abs=24)  # the pooling before conv5 is a place of stride 8 wider


def test_a_detector_of_another_stride_or_pooling_is_refused():
    with pytest.raises(ValueError, match="8 or 16"):
        FasterRCNN(**NARROW, stride=4)
    with pytest.raises(ValueError, match="pooling=mean"):
        FasterRCNN(**NARROW, pooling="mean")


def test_an_anchors_score_comes_from_the_place_it_is_centred_on():
    network = FasterRCNN(**NARROW).eval()
    features = torch.zeros(1, 8, 6, 10)
    features[0, :, 2, 7] = 1.0
    with torch.no_grad():
        for name in ("convolution", "objectness"):
            network.proposer[name].weight.zero_()
            network.proposer[name].bias.zero_()
        network.proposer["convolution"].weight[:, :, 1, 1] = 1.0
        network.proposer["objectness"].weight.fill_(1.0)
    logits, _ = network.proposal_scores(features)
    best = network.anchors_on(features)[logits[0] > 0]
    assert len(best) == 9 and torch.allclose((best[:, :2] + best[:, 2:]) / 2, torch.tensor([7.5 * 16, 2.5 * 16]))


def test_weights_of_torchvisions_vgg16_load_from_a_safetensors_file(tmp_path):
    given = VGG16(1, NARROW["widths"], 16, classes=5)
    save_file(given.state_dict(), tmp_path / "vgg16.safetensors")
    network = FasterRCNN(**NARROW)
    taken = load_torchvision_vgg16(network, tmp_path / "vgg16.safetensors")
    assert len(taken) == 2 * 13 + 2 * 2 and "classifier.6.weight" not in taken
    assert torch.equal(network.features[28].weight, given.features[28].weight)
    assert torch.equal(network.classifier[3].weight, given.classifier[3].weight)


def test_weights_of_another_width_and_pickles_are_refused(tmp_path):
    save_file(VGG16(1, (4, 4, 4, 4, 4), 16, 5).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(SpineError, match="must have shape"):
        load_torchvision_vgg16(FasterRCNN(**NARROW), tmp_path / "other.safetensors")
    torch.save(VGG16(1, NARROW["widths"], 16, 5).state_dict(), tmp_path / "vgg16.pth")
    with pytest.raises(SpineError, match="no readable safetensors"):
        load_torchvision_vgg16(FasterRCNN(**NARROW), tmp_path / "vgg16.pth")


def test_a_vgg_needs_five_widths():
    with pytest.raises(ValueError, match="5 widths"):
        convolutions(1, (4, 4))


def test_proposals_lie_in_the_image_and_do_not_heap_up():
    torch.manual_seed(2)
    network = initialise(FasterRCNN(**NARROW)).eval()
    features = network.feature_map(torch.randn(2, 1, 64, 96))
    logits, deltas = network.proposal_scores(features)
    boxes = network.proposals(
        torch.randn_like(logits),
        torch.randn_like(deltas),
        network.anchors_on(features),
        (64, 96),
        ProposalSettings(100, 12, 0.5, 4.0),
    )
    from SpineLib.networks.boxes import overlaps

    for own in boxes:
        assert 0 < len(own) <= 12 and own.min() >= 0 and own[:, 2].max() <= 96 and own[:, 3].max() <= 64
        assert (overlaps(own, own) - torch.eye(len(own))).max() <= 0.5


def test_an_image_without_a_box_above_the_threshold_gets_none():
    network = initialise(FasterRCNN(**NARROW)).eval()
    with torch.inference_mode():
        found = network(torch.zeros(2, 1, 64, 64), threshold=0.99)
    assert [len(one.boxes) for one in found] == [0, 0]
