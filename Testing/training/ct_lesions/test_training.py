"""Training of Faster R-CNN: boxes follow their slices, anchors are labelled as in the paper, and it learns."""

import shlex
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from SpineLab.training.ct_lesions.cases import SLICE, prepare_cases
from SpineLab.training.ct_lesions.config import (
    CtLesionConfig,
    RcnnLosses,
    RcnnSettings,
)
from SpineLab.training.ct_lesions.export import network_of
from SpineLab.training.ct_lesions.loop import run_training
from SpineLab.training.ct_lesions.losses import (
    IGNORED,
    NEGATIVE,
    POSITIVE,
    draw_boxes,
    label_anchors,
    rcnn_losses,
)
from SpineLab.training.ct_lesions.sampling import CropSampler, cut, moved
from SpineLib.cli.main import main
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from SpineLib.networks.faster_rcnn import initialise
from SpineLib.volume import read_volume
from Testing.ct_blobs import write_blobs

TINY = CtLesionConfig().changed(
    preparation={"pixel_mm": 1.0},
    network={"widths": (4, 8, 8, 16, 16), "hidden": 16, "batch_norm": True, "scales": (12.0, 20.0, 32.0)},
    sampling={"images": 4, "size": (96, 96)},
    losses={"anchors": 48, "boxes": 24, "before": 200, "after": 50},
    optimisation={"optimizer": "adam", "rate": 3e-3, "steps": 4, "precision": "float32", "clip": 5.0},
    validation={"share": 0.25, "every": 2},
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_blobs(tmp_path_factory.mktemp("ct") / "cohort")


@pytest.fixture(scope="module")
def cases(cohort, tmp_path_factory):
    return prepare_cases(read_ct_cohort(cohort), TINY.preparation, tmp_path_factory.mktemp("cache"), processes=1)


def test_boxes_of_slices_hold_the_lesion_and_nothing_else(cases, cohort):
    lesion = read_volume(read_ct_cohort(cohort)[0].lesion).array[::-1]  # slices from cranial to caudal
    for number, x0, y0, x1, y1, label in cases[0].boxes.astype(int):
        inside = lesion[number] == label
        assert inside[y0:y1, x0:x1].sum() == inside.sum()
        assert inside[y0].any() and inside[y1 - 1].any() and inside[:, x0].any() and inside[:, x1 - 1].any()
    assert set(cases[0].boxes[:, SLICE].astype(int)) == set(np.flatnonzero(lesion.any(axis=(1, 2))))


def test_prepared_cases_are_used_again_until_their_files_change(cohort, tmp_path):
    import os

    some = read_ct_cohort(cohort)[:1]
    first = prepare_cases(some, TINY.preparation, tmp_path, processes=1)[0]
    made = (first.folder / "images.npy").stat().st_mtime_ns
    assert (
        prepare_cases(some, TINY.preparation, tmp_path, processes=1)[0].folder / "images.npy"
    ).stat().st_mtime_ns == made
    os.utime(some[0].lesion, ns=(1, 1))
    again = prepare_cases(some, TINY.preparation, tmp_path, processes=1)[0]
    assert (again.folder / "images.npy").stat().st_mtime_ns > made


@pytest.mark.parametrize(
    ("to_input", "seen"),
    [
        (np.eye(2), (22, 34, 42, 44)),
        (np.diag([-1.0, 1.0]), (22, 34, 42, 44)),
        (np.eye(2) / 1.5, (17, 31, 47, 46)),
        (np.array([[0.0, -1.0], [1.0, 0.0]]), (26, 30, 36, 50)),
    ],
)
def test_a_crops_box_lies_on_what_the_crop_shows(to_input, seen):
    image = np.zeros((3, 80, 120), np.uint8)
    image[:, 40:50, 60:80] = 255
    middle, size = np.array([70.0, 46.0]), (80, 64)
    crop = cut(image, to_input, middle, size)[1].numpy()
    rows, columns = np.nonzero(crop > 0.5)
    box = moved(np.array([[60.0, 40, 80, 50]]), np.linalg.inv(to_input), middle, size)[0]
    assert box == pytest.approx(seen, abs=0.6)
    # Edges of what is shown, to a pixel.
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == pytest.approx(tuple(box), abs=1.0)


def test_a_turned_box_is_that_of_the_ellipse_in_it_and_one_beyond_the_crop_goes():
    turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    angle = np.linspace(0, 2 * np.pi, 1000)
    ellipse = np.stack([20 * np.cos(angle), 8 * np.sin(angle)], axis=1) @ turn.T + (48, 48)
    box = moved(np.array([[-20.0, -8, 20, 8], [300, 300, 310, 310]]), turn, np.zeros(2), (96, 96))
    assert len(box) == 1 and box[0] == pytest.approx([*ellipse.min(axis=0), *ellipse.max(axis=0)], abs=0.01)


def test_a_batch_is_the_same_again_and_holds_as_many_lesions_as_asked_for(cases):
    config = TINY.changed(sampling={"images": 4, "positives": 0.5})
    sampler = CropSampler(cases, config)
    first, again, other = sampler.batch(3), sampler.batch(3), sampler.batch(4)
    assert torch.equal(first.images, again.images) and not torch.equal(first.images, other.images)
    assert all(torch.equal(a, b) for a, b in zip(first.boxes, again.boxes))
    assert first.images.shape == (4, 3, 96, 96) and first.images.min() >= 0 and first.images.max() <= 1
    assert all(len(boxes) for boxes in first.boxes[:2])


def test_anchors_are_labelled_as_in_the_paper():
    places = torch.tensor(
        [[0.0, 0, 20, 20], [1, 0, 21, 20], [10, 0, 30, 20], [60, 60, 80, 80], [-5, 0, 15, 20], [40, 40, 50, 50]]
    )
    truth = torch.tensor([[0.0, 0, 20, 20], [41, 41, 55, 55]])
    kinds, best = label_anchors(places, truth, (100, 100), RcnnLosses())
    # The first two overlap by more than 0.7, the third by 1/3, the fifth crosses the border; the last overlaps the
    # second lesion by 0.38 only, but no other one does better.
    assert kinds.tolist() == [POSITIVE, POSITIVE, IGNORED, NEGATIVE, IGNORED, POSITIVE]
    assert best[5] == 1 and best[0] == 0
    kinds, _ = label_anchors(places, truth[:0], (100, 100), RcnnLosses())
    assert kinds.tolist() == [NEGATIVE] * 4 + [IGNORED, NEGATIVE]


def test_boxes_for_the_heads_hold_the_lesions_themselves_and_enough_of_the_rest():
    torch.manual_seed(1)
    proposals = torch.tensor([[60.0, 60, 80, 80]]).repeat(40, 1) + torch.rand(40, 1)
    truth = torch.tensor([[0.0, 0, 20, 20]])
    boxes, kinds, targets = draw_boxes(proposals, truth, RcnnLosses(boxes=16))
    assert len(boxes) == 16 and kinds.sum() == 1 and torch.equal(boxes[kinds == POSITIVE], truth)
    assert torch.equal(targets[kinds == POSITIVE], truth)
    boxes, kinds, _ = draw_boxes(proposals, truth[:0], RcnnLosses(boxes=16))
    assert len(boxes) == 16 and kinds.sum() == 0


def test_hard_boxes_and_anchors_are_the_likeliest_of_those_that_are_no_lesions():
    torch.manual_seed(1)
    proposals = torch.tensor([[0.0, 0, 20, 20]]) + 30 * torch.arange(1, 40)[:, None]  # the most likely first
    truth = torch.tensor([[0.0, 0, 20, 20]])
    boxes, kinds, _ = draw_boxes(proposals, truth, RcnnLosses(boxes=11, hard=1.0))
    assert kinds.tolist() == [POSITIVE] + [NEGATIVE] * 10 and torch.equal(boxes[1:].sort(dim=0).values, proposals[:10])
    boxes, _, _ = draw_boxes(proposals, truth, RcnnLosses(boxes=11, hard=0.5))
    assert torch.equal(boxes[1:6].sort(dim=0).values, proposals[:5]) and boxes[6:].min() >= proposals[5].min()
    assert len(torch.unique(boxes[:, 0])) == 11


def test_a_batch_without_lesions_has_finite_losses():
    network = network_of(TINY.network).train()
    losses = rcnn_losses(network, torch.rand(2, 3, 64, 64), [torch.zeros(0, 4)] * 2, TINY.losses, nullcontext)
    assert set(losses) == {"objectness", "proposals", "class", "boxes"}
    assert all(torch.isfinite(value) for value in losses.values()) and losses["boxes"] == 0


def test_it_learns_to_find_bright_boxes():
    torch.manual_seed(0)
    network = initialise(network_of(RcnnSettings((4, 8, 8, 16, 16), 16, True, (16.0, 24.0), (1.0,)))).train()
    rng = np.random.default_rng(0)

    def sample(count):
        images, boxes = torch.rand(count, 3, 64, 64) * 0.2, []
        for image in images:
            (x, y), (width, height) = rng.integers(8, 36, 2), rng.integers(14, 22, 2)
            image[:, y : y + height, x : x + width] += 0.7
            boxes.append(torch.tensor([[x, y, x + width, y + height]], dtype=torch.float32))
        return images, boxes

    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(30):
        loss = sum(rcnn_losses(network, *sample(6), TINY.losses, nullcontext).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    images, boxes = sample(16)
    with torch.inference_mode():
        found = network.eval()(images, threshold=0.3)
    middles = [(one.boxes[:1, :2] + one.boxes[:1, 2:]) / 2 for one in found]
    hits = [
        len(middle) and bool(((middle >= box[:, :2]) & (middle <= box[:, 2:])).all())
        for middle, box in zip(middles, boxes)
    ]
    assert sum(hits) >= 10  # a place at random hits one time in five


def test_a_training_ends_in_a_bundle_and_goes_on_where_it_was(cohort, tmp_path):
    said = []
    arguments = {"cache": tmp_path / "cache", "processes": 1, "command": "spine train ct-lesions"}
    run_training(TINY.changed(optimisation={"steps": 2}), cohort, tmp_path / "run", **arguments)
    bundle = run_training(TINY, cohort, tmp_path / "run", report=said.append, **arguments)
    assert any("Going on at step 2" in line for line in said)
    card = load_bundle(bundle.folder).card
    assert card.task == "ct-lesion-detection" and card.training_data["simulated"] and "simulated" in card.text
    assert card.training_data["training_cases"] == 3 and card.figures["validation"].keys() == {
        "ap",
        "recall",
        "precision",
    }


def test_further_cohorts_are_trained_on_and_choose_no_weights(cohort, tmp_path):
    more = write_blobs(tmp_path / "more")
    bundle = run_training(
        TINY.changed(optimisation={"steps": 1}),
        cohort,
        tmp_path / "run",
        further=[more],
        cache=tmp_path / "cache",
        processes=1,
    )
    data = bundle.card.training_data
    assert (data["training_cases"], data["validation_cases"]) == (3 + 4, 1)


def test_weights_of_vgg_16_that_are_no_safetensors_are_refused_before_training(cohort, tmp_path):
    (tmp_path / "vgg16.pth").write_bytes(b"no weights")
    config = TINY.changed(network={"weights": str(tmp_path / "vgg16.pth")})
    with pytest.raises(SpineError, match="no readable safetensors"):
        run_training(config, cohort, tmp_path / "run", cache=tmp_path / "cache", processes=1)


def test_the_full_preset_is_vgg_16_and_the_shipped_one_is_small():
    with torch.device("meta"):
        full, small = (network_of(CtLesionConfig.read(name).network) for name in ("faster-rcnn-vgg16", "lesions-ct"))
    assert sum(values.numel() for values in full.features.parameters()) == 14_714_688
    assert sum(values.numel() for values in small.parameters()) * 2 <= 3 * 2**20  # half precision: at most 3 MiB


def test_the_shell_trains_and_exports(cohort, tmp_path, capsys):
    config = tmp_path / "tiny.toml"
    config.write_text("""[preparation]
pixel_mm = 1.0
[network]
widths = [4, 4, 4, 8, 8]
hidden = 8
batch_norm = true
scales = [16.0]
[sampling]
images = 1
size = [64, 64]
[optimisation]
precision = "float32"
[validation]
share = 0.3
""")
    run = [
        "train",
        "ct-lesions",
        "--config",
        str(config),
        "--cohort",
        str(cohort),
        "--run",
        str(tmp_path / "run"),
        "--steps",
        "1",
        "--cache",
        str(tmp_path / "cache"),
        "--processes",
        "1",
        "--threads",
        "1",
    ]
    assert main(run) == 0
    assert (
        main(
            [
                "train",
                "export",
                "--run",
                str(tmp_path / "run"),
                "--to",
                str(tmp_path / "lesions"),
                "--threshold",
                "0.4",
                "--title",
                "Tiny",
            ]
        )
        == 0
    )
    card = load_bundle(tmp_path / "lesions").card
    assert (card.id, card.title, card.threshold) == ("lesions", "Tiny", 0.4)
    assert card.command == shlex.join(["spine", *run])
