"""Whole slices and single patches give one likelihood; beyond the image lies its reflection."""

import numpy as np
import torch

from SpineLib.networks.siamese import PATCH, SCALES, Siamese
from SpineLib.preprocess.pyramid import make_pyramid
from SpineLib.tasks.detection.likelihood import dense, dense_mirrored, patches, patchwise, whitened

from .tiny_detector import spine


def as_tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def lively(scales=SCALES):
    torch.manual_seed(5)
    network = Siamese(scales).eval()
    with torch.no_grad():
        network.last.weight.mul_(60)
    return network


def test_dense_and_patchwise_agree_at_a_thousand_random_places():
    pyramid, network = make_pyramid(spine(), "STIR", SCALES, PATCH, "local"), lively()
    images = {scale: image[2] for scale, image in pyramid.images.items()}
    rows, columns = range(pyramid.shape[1]), range(16, 64)
    rng = np.random.default_rng(0)
    places = np.c_[rng.integers(0, len(rows), 1000), rng.integers(16, 64, 1000)]
    with torch.inference_mode():
        logits = network([as_tensor(patches(images[s], network, s, places[:50], False))[:, None] for s in SCALES])
        network.last.bias -= logits.mean((0, 2, 3))  # likelihoods on both sides of one half
        whole = dense(images, network, rows, columns, as_tensor)
        coarse = dense(images, network, range(0, 93, 4), range(16, 67, 4), as_tensor)
        single = patchwise(images, network, places, as_tensor, whiten=False)
    assert single.std() > 0.05 and whole.shape == (90, 48)
    assert np.abs(whole[places[:, 0], places[:, 1] - 16] - single).max() < 1e-4
    # Every fourth place has the likelihood it has among all; the last ones may lie beyond the image.
    assert coarse.shape == (24, 13) and np.abs(coarse[:23, :12] - whole[::4, ::4]).max() < 1e-4


def test_a_slice_and_its_mirror_images_give_each_place_the_mean_of_its_four_likelihoods():
    pyramid, network = make_pyramid(spine(), "STIR", SCALES, PATCH, "local"), lively()
    images, size = {scale: image[2] for scale, image in pyramid.images.items()}, pyramid.shape[1:]
    # A lattice of every fourth place whose last row and column lie beyond the slice.
    rows, columns = range(1, size[0] + 3, 4), range(18, size[1] + 3, 4)
    with torch.inference_mode():
        found = dense_mirrored(images, network, rows, columns, size, as_tensor)
        whole = range(-4, size[0] + 4), range(-4, size[1] + 4)
        wanted = []
        for axes in ((), (0,), (1,), (0, 1)):
            turned = {scale: np.flip(image, axes) for scale, image in images.items()}
            wanted.append(np.flip(dense(turned, network, *whole, as_tensor), axes))
    places = np.ix_([row + 4 for row in rows], [column + 4 for column in columns])
    assert found.shape == (len(rows), len(columns)) and np.std(wanted, axis=0).max() > 0.01
    assert np.abs(found - np.mean(wanted, axis=0)[places]).max() < 1e-4


def test_a_patch_is_centred_on_its_place_at_each_scale():
    pyramid = make_pyramid(spine(), "STIR", SCALES, PATCH, "patch")
    network = Siamese(context="zeros")
    for scale, pixels in ((0.5, 2), (1.0, 1), (2.0, 1)):
        patch = patches(pyramid.images[scale][2], network, scale, np.array([[45, 40]]), False)[0]
        assert patch.shape == PATCH
        assert patch[39, 27] == pyramid.images[scale][2][45 * pixels, 40 * pixels]
        right = pyramid.images[scale][2][45 * pixels, 40 * pixels + (2 if scale == 2 else 1)]
        assert patch[39, 28] == right


def test_beyond_the_image_lies_its_reflection():
    image = np.arange(20.0)[:, None] * 100 + np.arange(30.0)
    network = Siamese((1.0,), "zeros")
    patch = patches(image, network, 1.0, np.array([[0, 0]]), False)[0]
    assert np.array_equal(patch[39:59, 27:55], image[:, :28])
    wanted = np.pad(image, ((39, 40), (27, 27)), mode="symmetric")[:79, :55]
    assert np.array_equal(patch, wanted)


def test_each_patch_is_whitened_by_itself_and_a_constant_one_becomes_zero():
    white = whitened(np.stack([np.arange(12.0).reshape(3, 4), np.full((3, 4), 7.0)]))
    assert abs(white[0].mean()) < 1e-6 and abs(white[0].std() - 1) < 1e-6 and not white[1].any()
