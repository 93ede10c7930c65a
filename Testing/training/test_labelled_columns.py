"""A CT whose vertebrae somebody labelled becomes a case for the training of the column's network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineLab.training.column.cases import read_column_case
from SpineLab.training.column.labelled import labelled_case
from SpineLib.cli.main import main
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.tasks.column.parts import ARCH, BODY, OTHER_BONE, SACRUM
from SpineLib.volume import write_volume
from Testing.tasks.simulated_spine import spine_ct


@pytest.fixture(scope="module")
def labelled():
    """A CT in voxels of 2 mm, the network's own; L2 and L3 labelled, and above them a rib (90) and a sacrum (26)."""
    ct, labels = spine_ct(levels=2, spacing=2.0)
    array = np.where(labels.array > 0, 20 + labels.array, 0).astype(np.uint8)
    array[-4:, 2:6, 2:6], array[:4, 2:6, 2:6] = 90, 26
    return ct, labels.with_array(array)


@pytest.fixture(scope="module")
def case(labelled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled")
    for name, volume in zip(("ct.nii.gz", "labels.nii.gz"), labelled):
        write_volume(volume, folder / name)
    scan = ["--scan", str(folder / "ct.nii.gz"), str(folder / "labels.nii.gz")]
    options = ["--numbers", "verse", "--other-bone", "90-91", "-o", str(folder / "cases")]
    assert main(["cohort", "column", *scan, *options]) == 0
    return read_column_case(folder / "cases" / "real-0001.npz")


def test_it_is_a_patients_and_holds_the_ct_upright_in_the_networks_voxels(case, labelled):
    ct, _ = labelled
    assert case.real and case.spacing == (2.0, 2.0, 2.0)
    expected = np.clip(ct.array, -1000, 2000).astype(np.float16)  # LPS already: k runs up
    np.testing.assert_array_equal(case.image, expected)


def test_vertebrae_are_those_of_the_labels_each_voxel_body_or_arch(case, labelled):
    vertebra = np.isin(labelled[1].array, (21, 22))
    np.testing.assert_array_equal(np.isin(case.instances, (21, 22)), vertebra)
    assert set(np.unique(case.parts[vertebra])) <= {BODY, ARCH}


def test_beside_the_labels_nothing_is_a_vertebra(case, labelled):
    vertebra = np.isin(labelled[1].array, (21, 22))
    rows = np.flatnonzero(vertebra.any((1, 2)))
    beside = case.parts[rows[0] : rows[-1] + 1][~vertebra[rows[0] : rows[-1] + 1]]
    assert not np.isin(beside, (BODY, ARCH)).any()


def test_a_labelled_sacrum_and_labelled_ribs_are_what_they_are(case):
    assert (case.parts[1:3, 3:5, 3:5] == SACRUM).all() and (case.parts[-3:-1, 3:5, 3:5] == OTHER_BONE).all()


def test_labels_of_another_grid_or_without_a_vertebra_are_refused(labelled):
    ct, labels = labelled
    bundle = find_bundle("column-ct")
    with pytest.raises(SpineError, match="grid"):
        labelled_case(ct, replace(labels, origin=(0.0, 0.0, 0.0)), bundle)
    with pytest.raises(SpineError, match="no vertebra"):
        labelled_case(ct, labels.with_array(np.zeros_like(labels.array)), bundle)
    with pytest.raises(SpineError, match="choose one for column-segmentation"):
        labelled_case(ct, labels, find_bundle("vertebrae-ct-vnet"))


def test_a_range_of_numbers_that_is_none_is_refused(tmp_path, capsys):
    options = ["cohort", "column", "--scan", "a.nii.gz", "b.nii.gz", "-o", str(tmp_path)]
    assert main([*options, "--other-bone", "115-92"]) == 1
    assert "no range of numbers" in capsys.readouterr().err
