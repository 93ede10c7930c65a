"""The real worker with its real job: volumes go in as files, a segmentation comes out."""

import time

import numpy as np
import pytest

from SpineLib.worker import PrivateFolder, SubprocessTransport, WorkerSession


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
    from SpineLib.tasks.segmentation.segment import segment
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
                {
                    "inputs": {"T2": str(folder.path / "T2 für Üben.nrrd")},
                    "model": str(model),
                    "settings": {"device": "cpu", "precision": "float32", "smallest_lesion_ml": 0.0},
                },
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
    told = {text.split(" (")[0] for text in texts}
    assert "Starting" in told and told & {"Preparing T2", "Loading the model"}, "steps soon after another are not told"
    assert list(tmp_path.iterdir()) == []


def test_bad_files_get_one_sentence_each_and_a_long_path_with_umlauts_works_afterwards(model, tmp_path):
    import SimpleITK as sitk

    from SpineLib.volume import write_volume
    from SpineLib.volume.itk import to_sitk

    home = tmp_path / "Müller Erika 1950" / ("ä ö " * 20) / ("x" * 120)
    home.mkdir(parents=True)
    assert len(str(home)) > 200
    write_volume(_volume(), home / "gut ü.nrrd")
    write_volume(_volume(), home / "truncated.nii.gz")
    whole = (home / "truncated.nii.gz").read_bytes()
    (home / "truncated.nii.gz").write_bytes(whole[: len(whole) // 2])
    write_volume(_volume().with_array(np.full(_volume().shape, np.nan, np.float32)), home / "nan.nrrd")
    image = to_sitk(_volume())
    sitk.WriteImage(sitk.Compose(image, image, image), str(home / "colour.mha"))
    sitk.WriteImage(sitk.JoinSeries(image, image), str(home / "several.nii.gz"))
    names = ["missing.nrrd", "truncated.nii.gz", "nan.nrrd", "colour.mha", "several.nii.gz", "gut ü.nrrd"]
    words = ["does not exist", "truncated", "NaN", "colour", "4-D"]

    ends, transports = [], []

    def transport(*arguments):
        transports.append(SubprocessTransport(*arguments))
        return transports[-1]

    session = WorkerSession(transport)
    try:
        for name in names:
            session.submit(
                "segment",
                {"inputs": {"T2": str(home / name)}, "model": str(model), "settings": {"device": "cpu"}},
                PrivateFolder(home),
                on_progress=lambda fraction, text: None,
                on_result=lambda job: ends.append("result"),
                on_error=lambda message, details: ends.append((message, details)),
                on_cancelled=lambda: ends.append("cancelled"),
            )
            end = time.monotonic() + 60
            while session.state != "idle" and time.monotonic() < end:
                session.tick()
                time.sleep(0.01)
    finally:
        session.close()
    assert ends[-1] == "result" and len(ends) == len(names) and len(transports) == 1
    for word, (message, details) in zip(words, ends):
        assert word in message and message.endswith(".") and "\n" not in message
        assert "Müller" not in message + details and home.name not in message + details
    assert sorted(file.name for file in home.iterdir()) == sorted(names[1:])


def _settings():
    from SpineLib.tasks.segmentation.segment import SegmentSettings

    return SegmentSettings(device="cpu", precision="float32", smallest_lesion_ml=0.0)
