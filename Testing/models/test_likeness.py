"""What a bundle knows of the scans it was trained on: the measure, and the file that holds it."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.models import export_bundle, find_bundle, import_bundle, list_bundles, load_bundle, save_bundle
from SpineLib.models.bundle import save_likeness
from SpineLib.models.likeness import LEVELS, Spread, fitted, read_likeness

SIZES = (6, 10, 40)


def scans(count, seed=0, shift=0.0, width=1.0):
    """Of each scan, by level, features (8 slices, c) of a few hidden directions and some noise."""
    mixing = [np.random.default_rng(size).normal(size=(4, size)) for size in SIZES]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        own = rng.normal(size=(1, 4))
        slices = own + 0.3 * rng.normal(size=(8, 4))
        found.append([slices @ mix + width * 0.2 * rng.normal(size=(8, mix.shape[1])) + shift for mix in mixing])
    return [[level.astype(np.float32) for level in one] for one in found]


@pytest.fixture(scope="module")
def likeness():
    return fitted(scans(60))[0]


def test_the_distance_along_all_directions_is_mahalanobis_as_scipy_has_it():
    from scipy.spatial.distance import mahalanobis

    rows = np.random.default_rng(0).normal(size=(300, 5)) @ np.random.default_rng(1).normal(size=(5, 5))
    spread = Spread.of(rows.astype(np.float32))
    inverse = np.linalg.inv(np.cov(rows.T, bias=True))
    for row in rows[:5]:
        expected = mahalanobis(row, rows.mean(0), inverse) / np.sqrt(5)
        # The deviation's floor and single precision.
        assert spread.distances(row[None].astype(np.float32))[0] == pytest.approx(expected, rel=0.01)


def test_one_scan_in_a_hundred_of_the_training_is_above_1_by_what_was_fitted_to_the_others():
    unlikeness = fitted(scans(100))[1]
    assert (unlikeness > 1).sum() == 1


def test_unseen_scans_of_that_kind_are_below_1_and_others_above(likeness):
    kind = [likeness.unlikeness(one) for one in scans(40, seed=1)]
    assert np.mean(np.array(kind) < 1) > 0.9  # 60 scans tell the 99th percentile roughly
    assert min(likeness.unlikeness(one) for one in scans(10, seed=2, shift=3.0)) > 1.5
    assert min(likeness.unlikeness(one) for one in scans(10, seed=3, width=8.0)) > 1.5, "along no usual direction"


def test_too_few_scans_are_refused():
    with pytest.raises(SpineError, match="19 scans; a likeness is fitted to 20 or more"):
        fitted(scans(19))


def test_a_bundle_keeps_it_in_half_precision_and_hands_it_on(bundle, likeness, user_models, tmp_path):
    made = save_likeness(bundle.folder, likeness)
    file = bundle.folder / "likeness.safetensors"
    assert made.card.likeness_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    one = scans(1, seed=5)[0]
    assert made.likeness().unlikeness(one) == pytest.approx(likeness.unlikeness(one), rel=0.02)
    import_bundle(export_and_remove(made, tmp_path))
    assert find_bundle("tiny").likeness().unlikeness(one) == pytest.approx(likeness.unlikeness(one), rel=0.02)


def export_and_remove(bundle, folder):
    import_bundle(bundle.folder)
    return export_bundle("tiny", folder / "tiny.zip")


def test_one_that_was_replaced_or_is_missing_is_refused(bundle, likeness):
    save_likeness(bundle.folder, likeness)
    file = bundle.folder / "likeness.safetensors"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(SpineError, match="missing or not the one"):
        load_bundle(bundle.folder)
    file.unlink()
    with pytest.raises(SpineError, match="missing or not the one"):
        load_bundle(bundle.folder)


@pytest.mark.parametrize("spoilt", ["text", "short", "zero"])
def test_a_file_of_another_form_is_refused(tmp_path, likeness, spoilt):
    from safetensors.numpy import load, save

    from SpineLib.models.likeness import to_bytes

    tensors = load(to_bytes(likeness))
    if spoilt == "short":
        tensors["0.mean"] = tensors["0.mean"][:-1]
    if spoilt == "zero":
        tensors["limits"] = 0 * tensors["limits"]
    (tmp_path / "l.safetensors").write_bytes(b"no tensors" if spoilt == "text" else save(tensors))
    with pytest.raises(SpineError, match="not a valid one"):
        read_likeness(tmp_path / "l.safetensors")


def test_other_weights_do_not_take_it_over(bundle, likeness, tmp_path):
    made = save_likeness(bundle.folder, likeness)
    other = save_bundle(tmp_path / "other", made.network(), replace(made.card, id="other"))
    assert other.card.likeness_sha256 == "" and other.likeness() is None


def test_those_that_come_with_the_extension_fit_their_networks():
    names = [card.id for _, card in list_bundles() if card.likeness_sha256]
    assert {
        "mets-t1t2-2d",
        "mets-t1stir-2d",
        "mets-t1-2d",
        "mets-t2-2d",
        "necrosis-cet1t2-2d",
        "necrosis-cet1-2d",
        "necrosis-t2-2d",
    } <= set(names)
    for name in names:
        bundle = find_bundle(name)
        widths = bundle.card.network["widths"]
        sizes = [level.mean.shape[0] for level in bundle.likeness().levels]
        assert sizes == [2 * widths[level] for level in LEVELS]
