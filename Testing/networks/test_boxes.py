"""Boxes: overlap, coding, anchors, suppression, and pooling of what lies in them."""

import pytest
import torch

from SpineLib.networks.boxes import (
    align_boxes,
    anchors,
    areas,
    clip,
    decode,
    encode,
    keep_best,
    overlaps,
    pool_boxes,
)


def some_boxes(count: int, seed: int = 1, size: float = 100.0) -> torch.Tensor:
    torch.manual_seed(seed)
    corner = torch.rand(count, 2) * size * 0.7
    return torch.cat([corner, corner + 3 + torch.rand(count, 2) * size * 0.3], dim=1)


def test_overlap_is_intersection_over_union():
    boxes = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 40], [2, 2, 4, 4]])
    found = overlaps(boxes[:1], boxes)[0]
    assert found.tolist() == pytest.approx([1.0, 50 / 150, 0.0, 4 / 100])


def test_an_empty_box_overlaps_nothing_and_has_no_area():
    empty = torch.tensor([[5.0, 5, 5, 5], [9, 9, 3, 3]])
    assert overlaps(empty, empty).sum() == 0 and areas(empty).sum() == 0


def test_decoding_undoes_encoding():
    boxes, references = some_boxes(50), some_boxes(50, seed=2)
    assert torch.allclose(decode(encode(boxes, references), references), boxes, atol=1e-3)


def test_a_code_is_the_papers():
    code = encode(torch.tensor([[10.0, 10, 30, 20]]), torch.tensor([[0.0, 0, 10, 20]]))
    # Centre (20, 15) from (5, 10) in units of (10, 20); sizes 20 by 10 and 10 by 20.
    assert code[0].tolist() == pytest.approx([1.5, 0.25, 0.6931, -0.6931], abs=1e-4)


def test_clipped_boxes_lie_in_the_image():
    assert clip(torch.tensor([[-5.0, 3, 200, 90]]), (64, 128)).tolist() == [[0, 3, 128, 64]]


def test_anchors_have_the_areas_the_ratios_and_the_places_asked_for():
    found = anchors((3, 4), 16, (32.0, 64.0), (0.5, 1.0, 2.0)).reshape(3, 4, 2, 3, 4)
    width, height = (found[..., 2] - found[..., 0]), (found[..., 3] - found[..., 1])
    assert torch.allclose((width * height).sqrt(), torch.tensor([[32.0], [64.0]]).expand(3, 4, 2, 3))
    assert torch.allclose(height / width, torch.tensor([0.5, 1.0, 2.0]).expand(3, 4, 2, 3))
    assert torch.allclose((found[1, 2, :, :, :2] + found[1, 2, :, :, 2:]) / 2, torch.tensor([40.0, 24.0]))


def test_suppression_keeps_the_best_of_each_heap():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [0, 0, 10, 10.5]])
    scores = torch.tensor([0.6, 0.9, 0.3, 0.8])
    assert keep_best(boxes, scores, 0.5).tolist() == [1, 2]
    assert keep_best(boxes, scores, 0.5, most=1).tolist() == [1]
    assert keep_best(boxes, scores, 0.96).tolist() == [1, 3, 0, 2]


def test_suppression_agrees_with_its_definition_on_many_boxes():
    boxes, scores = some_boxes(200, seed=4), torch.rand(200)
    kept = []
    for number in torch.argsort(scores, descending=True).tolist():
        if all(overlaps(boxes[number : number + 1], boxes[one : one + 1]) <= 0.3 for one in kept):
            kept.append(number)
    assert keep_best(boxes, scores, 0.3).tolist() == kept


def test_overlap_area_clipping_coding_and_suppression_are_monais():
    """MONAI's own functions of boxes; torchvision's cannot be installed beside the pinned torch."""
    utils = pytest.importorskip("monai.data.box_utils", reason="MONAI is not installed (pip install SpineLib[test])")
    from monai.apps.detection.utils.box_coder import BoxCoder

    boxes, others, scores = some_boxes(150, seed=6), some_boxes(150, seed=7), torch.rand(150)
    torch.testing.assert_close(areas(boxes), utils.box_area(boxes))
    torch.testing.assert_close(overlaps(boxes, others), utils.box_iou(boxes, others))
    inside, kept = utils.clip_boxes_to_image(boxes, (70, 60), remove_empty=False)  # x, y
    torch.testing.assert_close(clip(boxes, (60, 70)), inside)
    coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
    torch.testing.assert_close(encode(boxes, others), coder.encode_single(boxes, others))
    deltas = 0.3 * torch.randn(150, 4)
    torch.testing.assert_close(decode(deltas, others), coder.decode_single(deltas, others))
    for overlap in (0.1, 0.3, 0.7):
        expected = utils.non_max_suppression(boxes, scores, nms_thresh=overlap)
        assert keep_best(boxes, scores, overlap).tolist() == expected.tolist()


def test_no_box_makes_no_box():
    none = torch.zeros(0, 4)
    assert len(keep_best(none, torch.zeros(0), 0.5)) == 0
    assert pool_boxes(torch.zeros(1, 3, 4, 4), none, torch.zeros(0, dtype=torch.long), 16).shape == (0, 3, 7, 7)


def test_pooling_takes_the_maximum_of_each_bin_as_written_out():
    torch.manual_seed(0)
    features = torch.randn(2, 3, 20, 30)
    boxes = torch.tensor([[0.0, 0, 480, 320], [40, 70, 200, 300], [100, 100, 105, 104], [470, 310, 600, 500]])
    images = torch.tensor([0, 1, 1, 0])
    pooled = pool_boxes(features, boxes, images, 16)
    for number, (box, image) in enumerate(zip(boxes.tolist(), images.tolist())):
        x0, y0 = min(round(box[0] / 16), 29), min(round(box[1] / 16), 19)
        width, height = max(min(round(box[2] / 16), 30) - x0, 1), max(min(round(box[3] / 16), 20) - y0, 1)
        for row in range(7):
            for column in range(7):
                part = features[
                    image,
                    :,
                    y0 + row * height // 7 : y0 - (-(row + 1) * height // 7),
                    x0 + column * width // 7 : x0 - (-(column + 1) * width // 7),
                ]
                assert torch.equal(pooled[number, :, row, column], part.amax(dim=(1, 2)))


def test_the_gradient_of_pooling_goes_to_the_maximum_alone():
    features = torch.arange(64.0).reshape(1, 1, 8, 8).requires_grad_()
    # One place a bin but for the last row and column of bins, which share two with their neighbours.
    pool_boxes(features, torch.tensor([[0.0, 0, 128, 128]]), torch.tensor([0]), 16)[0, 0, 6, 6].backward()
    assert features.grad.sum() == 1 and features.grad[0, 0, 7, 7] == 1


def test_aligned_bins_of_a_slope_hold_its_values_at_their_middles_wherever_the_box_begins():
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    # The middle of place n is n + 1/2 places from the image's edge.
    slope = torch.stack([columns + 0.5, rows + 0.5])
    features = torch.stack([slope, slope + 100])
    boxes = torch.tensor([[33.0, 41, 89, 97], [33.0, 41, 89, 97], [34.5, 41, 90.5, 97]])
    aligned = align_boxes(features, boxes, torch.tensor([0, 1, 0]), 8)
    middles = (torch.arange(7) + 0.5) / 7 * 56
    assert torch.allclose(aligned[0, 0], ((33 + middles) / 8).expand(7, 7), atol=1e-4)
    assert torch.allclose(aligned[0, 1], ((41 + middles) / 8)[:, None].expand(7, 7), atol=1e-4)
    assert torch.allclose(aligned[1], aligned[0] + 100, atol=1e-4)
    # A box that lies a fraction of a place beside it gives other values; rounded to places it would not.
    assert torch.allclose(aligned[2, 0], aligned[0, 0] + 1.5 / 8, atol=1e-4)


def test_aligned_boxes_keep_their_order_and_pass_gradients_on():
    features = torch.rand(2, 3, 8, 8, requires_grad=True)
    boxes = some_boxes(5, size=60.0)
    images = torch.tensor([1, 0, 1, 1, 0])
    aligned = align_boxes(features, boxes, images, 8)
    alone = torch.cat([align_boxes(features, box[None], image[None], 8) for box, image in zip(boxes, images)])
    assert torch.allclose(aligned, alone, atol=1e-6)
    aligned.sum().backward()
    assert features.grad.sum().item() == pytest.approx(5 * 3 * 7 * 7, rel=1e-4)
    assert align_boxes(features, boxes[:0], images[:0], 8).shape == (0, 3, 7, 7)
