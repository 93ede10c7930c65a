"""Volumes out of the scene, the real task, lesions into the scene: the same lesions however the voxels are stored."""

from __future__ import annotations

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")
torch = pytest.importorskip("torch")

from SpineLib.jobs.registry import run_job  # noqa: E402
from SpineLib.models import ModelCard, save_bundle  # noqa: E402
from SpineLib.networks.unet import UNet  # noqa: E402
from SpineLib.scene.compare import union_mask  # noqa: E402
from SpineLib.scene.runs import export_inputs, import_result  # noqa: E402
from Testing.scene.grids import add_transform, axis_matrix, rotation  # noqa: E402

#: As a scanner stores sagittal slices: i from anterior to posterior, j downwards, k from right to left of the patient.
SAGITTAL = axis_matrix((1, 2, 0), (-1, -1, -1), spacing=(1.0, 1.0, 4.0), origin=(20, 30, 40))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> str:
    """A tiny network with random weights: what it marks depends on every voxel around."""
    torch.manual_seed(0)
    network = UNet(dimensions=2, inputs=2, widths=(4, 8))
    card = ModelCard(
        id="tiny-2d",
        title="Tiny",
        task="metastasis-segmentation",
        network={"type": "unet", "dimensions": 2, "inputs": 2, "widths": [4, 8]},
        inputs=("T1", "T2"),
        preparation={"slices": 12, "in_plane_spacing": None},
        patch=(32, 32),
        licence="Apache-2.0",
        training_data={"simulated": True, "description": "None: random weights for a test."},
    )
    return str(save_bundle(tmp_path_factory.mktemp("models") / "tiny-2d", network, card).folder)


def smooth_noise(shape, seed):
    """An image with structure everywhere, so that no flip or shift goes unseen."""
    from scipy.ndimage import gaussian_filter

    return (1000 * gaussian_filter(np.random.default_rng(seed).random(shape), 1.5)).astype(np.float32)


def stored_otherwise(array, matrix, order, flips):
    """The same image with its index axes (k, j, i) in another order, some turned round."""
    columns = [matrix[:3, 2], matrix[:3, 1], matrix[:3, 0]]  # of k, j, i
    origin = matrix[:3, 3].copy()
    array = np.transpose(array, order)
    columns = [columns[axis] for axis in order]
    for axis, flip in enumerate(flips):
        if flip:
            origin += columns[axis] * (array.shape[axis] - 1)
            columns[axis] = -columns[axis]
            array = np.flip(array, axis)
    other = np.eye(4)
    other[:3, :3] = np.stack(columns[::-1], axis=1)
    other[:3, 3] = origin
    return np.ascontiguousarray(array), other


def restored(mask, order, flips):
    """The inverse of :func:`stored_otherwise` for a mask."""
    mask = np.flip(mask, [axis for axis, flip in enumerate(flips) if flip])
    return np.transpose(mask, np.argsort(order))


def run(bundle, folder, t1, t2, threshold):
    folder.mkdir()
    inputs = export_inputs({"T1": t1, "T2": t2}, folder)
    settings = {"device": "cpu", "precision": "float32", "threshold": threshold}
    result = run_job("segment", {"inputs": inputs.files, "model": bundle, "settings": settings}, folder)
    return import_result(folder, result, inputs, with_probability=True)


@pytest.mark.parametrize(
    ("order", "flips"),
    [((0, 1, 2), (0, 0, 1)), ((2, 0, 1), (1, 0, 1)), ((1, 2, 0), (0, 1, 1)), ((2, 1, 0), (1, 1, 1))],
)
def test_lesions_are_the_same_voxels_whatever_the_axis_order(scene, tmp_path, bundle, order, flips):
    images = {name: smooth_noise((12, 40, 36), seed) for seed, name in enumerate(("T1", "T2"))}
    tilted = add_transform(rotation((3, -4, 2)))

    def nodes(store):
        for name, image in images.items():
            array, matrix = store(image)
            node = slicer.util.addVolumeFromArray(array, matrix, name)
            node.SetAndObserveTransformNodeID(tilted.GetID())
            yield node

    first = run(bundle, tmp_path / "probe", *nodes(lambda image: (image, SAGITTAL)), 0.5)
    # Between two probabilities that occur: rounding in the last digit decides no voxel.
    ordered = np.sort(np.unique(slicer.util.arrayFromVolume(first.probability)))
    middle = len(ordered) * 9 // 10
    gap = middle + np.argmax(np.diff(ordered[middle : middle + 500]))
    threshold = float(ordered[gap] + ordered[gap + 1]) / 2

    t1, t2 = nodes(lambda image: (image, SAGITTAL))
    expected = union_mask(run(bundle, tmp_path / "plain", t1, t2, threshold).segmentation, None, t1)
    t1, t2 = nodes(lambda image: stored_otherwise(image, SAGITTAL, order, flips))
    mask = union_mask(run(bundle, tmp_path / "other", t1, t2, threshold).segmentation, None, t1)
    assert 0.02 < expected.mean() < 0.2
    np.testing.assert_array_equal(restored(mask, order, flips), expected)
