"""A real person's T1 and T2 give the same mask through the command line and through the module's logic."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")
pytest.importorskip("PySide6", reason="PySide6-Essentials is not installed (pip install SpineLib[test])")

from SpineLib.models import ModelCard, list_bundles, save_bundle  # noqa: E402
from SpineLib.scene.compare import union_mask  # noqa: E402
from SpineLib.scene.masks import segment_ids  # noqa: E402
from SpineLib.scene.results import provenance_of, segment_tag  # noqa: E402
from SpineLib.tasks.segmentation.naming import LESION_ID, PROBABILITY, PROVENANCE  # noqa: E402
from SpineLib.tasks.segmentation.segment import SegmentSettings, segment  # noqa: E402
from SpineLib.volume import read_volume  # noqa: E402

TASK = "metastasis-segmentation"


@pytest.fixture(scope="module")
def pair(shared_data, tmp_path_factory) -> dict[str, Path]:
    """The spine in the middle of the DzZ T1 and T2, a healthy lumbar spine (see the README of the shared data)."""
    files = {name: shared_data / "mr_lumbar" / f"DzZ_{name}.nii.gz" for name in ("T1", "T2")}
    if not all(path.is_file() for path in files.values()):
        pytest.skip("the shared data has no mr_lumbar/DzZ_T1.nii.gz and DzZ_T2.nii.gz")
    cut = {name: tmp_path_factory.mktemp("DzZ") / f"DzZ_{name}.nii.gz" for name in files}
    for name, path in files.items():
        image = nibabel.load(path)
        x, y, z = (size // part for size, part in zip(image.shape, (4, 6, 6), strict=True))
        nibabel.save(image.slicer[x:-x, y:-y, z:-z], cut[name])  # a quarter of the voxels
    return cut


def shipped_bundle(tmp_path, pair) -> tuple[str, float | None]:
    """Id of the first 2D model for T1 and T2 that comes with the extension; its own threshold."""
    fitting = [
        card.id
        for _, card in list_bundles()
        if card.task == TASK and set(card.inputs) == {"T1", "T2"} and card.network["dimensions"] == 2
    ]
    if not fitting:
        pytest.skip("no 2D model bundle for T1 and T2 is in Resources/Models")
    return fitting[0], None


def untrained_bundle(tmp_path, pair) -> tuple[str, float]:
    """Folder of a tiny network with random weights, and a threshold that 3 % of its noise exceeds.

    Its ragged mask shows any shift, flip or rounding.
    """
    import torch

    from SpineLib.networks.unet import UNet

    torch.manual_seed(3)
    card = ModelCard(
        id="untrained-2d",
        title="Untrained",
        task=TASK,
        network={"type": "unet", "dimensions": 2, "inputs": 2, "widths": [4, 8, 8]},
        inputs=("T1", "T2"),
        preparation={"slices": 16, "in_plane_spacing": 2.0},
        patch=(64, 64),
        licence="Apache-2.0",
        training_data={"simulated": True, "description": "None: random weights for a test."},
        smallest_lesion_ml=0.3,
    )
    network = UNet(dimensions=2, inputs=2, widths=(4, 8, 8))
    bundle = save_bundle(tmp_path / "untrained-2d", network, card)
    sequences = {name: read_volume(path, name) for name, path in pair.items()}
    noise = segment(sequences, bundle, SegmentSettings(device="cpu")).probability.array
    return str(bundle.folder), float(np.percentile(noise, 97))


@pytest.fixture
def logic(repository, scene):
    """The module's own logic class on slicer-core, loaded as the application loads it."""
    from Testing.pythonqt import desktop

    with desktop() as application:
        yield application.load_module(repository / "SpineMetSeg" / "SpineMetSeg.py").SpineMetSegLogic()


def described(node) -> list[tuple]:
    """What the segments of a segmentation say about themselves: texts, colours, the model."""
    segments = [node.GetSegmentation().GetSegment(segment_id) for segment_id in segment_ids(node)]
    return [
        (
            segment.GetName(),
            tuple(np.round(segment.GetColor(), 4)),
            segment.GetTerminology(),
            segment_tag(segment, LESION_ID),
            segment_tag(segment, PROBABILITY),
            json.loads(segment_tag(segment, PROVENANCE))["model"],
        )
        for segment in segments
    ]


@pytest.mark.parametrize("bundle", [shipped_bundle, untrained_bundle])
def test_command_line_and_module_give_the_same_mask(pair, bundle, logic, tmp_path):
    from SpineLib.cli.main import main

    model, threshold = bundle(tmp_path, pair)
    noise = threshold is not None  # lies anywhere, and not in the bone alone
    settings = ["--threshold", repr(threshold), "--anywhere"] if noise else []
    written, report = tmp_path / "cli.seg.nrrd", tmp_path / "report.json"
    status = main(
        ["segment", "--t1", str(pair["T1"]), "--t2", str(pair["T2"]), "--model", model, "--device", "cpu",
         "-o", str(written), "--json", str(report), *settings]
    )  # fmt: skip
    assert status == 0
    by_command = slicer.util.loadNodeFromFile(str(written), "SegmentationFile")

    t1, t2 = (slicer.util.loadVolume(str(pair[name])) for name in ("T1", "T2"))
    by_module = logic.segment(t1=t1, t2=t2, model=model, threshold=threshold, device="cpu", anywhere=noise)
    lesions = json.loads(report.read_text(encoding="utf-8"))["lesions"]
    assert by_module.GetSegmentation().GetNumberOfSegments() == len(lesions)
    mask = union_mask(by_module, None, t1)
    np.testing.assert_array_equal(union_mask(by_command, None, t1), mask)
    assert mask.sum() * np.prod(t1.GetSpacing()) / 1000 == pytest.approx(sum(one["volume_ml"] for one in lesions))
    assert described(by_command) == described(by_module)
    assert provenance_of(by_module)["model"]["sha256"]
    if bundle is untrained_bundle:
        assert lesions  # noise: otherwise nothing was compared
