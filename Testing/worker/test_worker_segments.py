"""The real worker with its real job: volumes go in as files, a segmentation comes out."""

import time

import numpy as np
import pytest

from SpineLib.client import PrivateFolder, SubprocessTransport, WorkerSession


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny network with random weights."""
    import torch

    from SpineLib.models import ModelCard, save_bundle
    from SpineLib.networks.unet import UNet

    torch.manual_seed(1)
    card = ModelCard(
        id="tiny-t2-2d",
        title="Tiny, not trained",
        task="metastasis-segmentation",
        network={"type": "unet", "dimensions": 2, "inputs": 1, "widths": [4, 8]},
        inputs=("T2",),
        preparation={"slices": 8, "in_plane_spacing": None, "whitening": "volume", "clip": None},
        patch=(32, 32),
        licence="Apache-2.0",
        training_data={"simulated": True, "description": "none"},
    )
    folder = tmp_path_factory.mktemp("models") / card.id
    save_bundle(folder, UNet(2, 1, (4, 8)), card)
    return folder


def _volume():
    from SpineLib.volume import Volume

    source = np.random.default_rng(0)
    array = source.normal(100, 20, (8, 48, 40)).astype(np.float32)
    direction = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]])  # sagittal: i to posterior, j to inferior, k to the left
    return Volume(array, (1.0, 1.0, 4.0), (0.0, 0.0, 0.0), direction, "T2")


def test_a_segmentation_through_the_worker_is_the_one_made_without_it(model, tmp_path):
    from SpineLib.models import load_bundle
    from SpineLib.tasks.segment import segment
    from SpineLib.volume import read_volume, write_volume

    ends, texts, found = [], [], {}
    session = WorkerSession(SubprocessTransport)
    try:
        for _ in range(2):
            folder = PrivateFolder(tmp_path)
            write_volume(_volume(), folder.path / "T2 für Üben.nrrd")

            def result(job, folder=folder):
                found["labels"] = read_volume(folder.path / job["labels"])
                found["probability"] = read_volume(folder.path / job["probability"])
                ends.append(("result", len(job["lesions"])))

            session.submit(
                "segment",
                {"inputs": {"T2": str(folder.path / "T2 für Üben.nrrd")}, "model": str(model),
                 "settings": {"device": "cpu", "precision": "float32", "smallest_lesion_ml": 0.0}},
                folder,
                on_progress=lambda fraction, text: texts.append(text),
                on_result=result,
                on_error=lambda message, details: ends.append((message, details)),
                on_cancelled=lambda: ends.append(("cancelled",)),
            )
            end = time.monotonic() + 60
            while session.state != "idle" and time.monotonic() < end:
                session.tick()
                time.sleep(0.01)
    finally:
        session.close()
    expected = segment({"T2": _volume()}, load_bundle(model), _settings())
    assert ends == [("result", len(expected.lesions))] * 2
    assert np.array_equal(found["labels"].array, expected.labels.array)
    assert np.allclose(found["probability"].array, expected.probability.array, atol=1e-6)
    assert found["labels"].same_grid(_volume())
    assert {"Starting", "Loading the model"} <= {text.split(" (")[0] for text in texts}
    assert list(tmp_path.iterdir()) == []


def _settings():
    from SpineLib.tasks.segment import SegmentSettings

    return SegmentSettings(device="cpu", precision="float32", smallest_lesion_ml=0.0)
