"""What is refused before a model of the spine runs on MR: the wrong plane, no spine, another sequence."""

from __future__ import annotations

import json

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.tasks.column.find import Column
from SpineLib.tasks.column.fitness import (
    header_doubt,
    overlaid_doubt,
    plane_doubt,
    refuse,
    sequence_doubt,
    shows_a_spine,
    spine_doubt,
)
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.column.levels import Levels
from SpineLib.tasks.column.parts import BODY, CANAL
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.acquisition import Acquisition
from SpineLib.volume.told import acquisition_of, with_header
from Testing.columns import SPACING, block_column
from Testing.volume.series import write_image_series

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)  # columns to posterior, rows down, slices to the left
AXIAL = np.eye(3)
CORONAL = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float)


def _slices(direction, spacing=(0.8, 0.8, 4.4)) -> Volume:
    return Volume(np.zeros((6, 20, 20), np.float32), spacing, (0.0, 0.0, 0.0), direction, "T2")


@pytest.mark.parametrize(("direction", "word"), [(AXIAL, "axial"), (CORONAL, "coronal")])
def test_slices_of_another_plane_are_refused_in_one_sentence(direction, word):
    doubt = plane_doubt(_slices(direction), "T2")
    assert doubt is not None and f"T2 has {word} slices" in doubt
    with pytest.raises(SpineError, match="--anyway"):
        refuse(doubt, insisted=False)
    assert refuse(doubt, insisted=True) == [
        f"T2 has {word} slices, and the models were made for sagittal ones; it was used all the same."
    ]


def test_oblique_coronal_slices_of_sacroiliac_joints_are_refused():
    turn = np.deg2rad(40)  # about the left-right axis, along the sacrum
    tilt = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    assert plane_doubt(_slices(tilt @ CORONAL), "STIR") is not None


@pytest.mark.parametrize("degrees", [0, 15, 25])
def test_sagittal_slices_along_a_scoliosis_are_taken(degrees):
    turn = np.deg2rad(degrees)
    about = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    assert plane_doubt(_slices(about @ SAGITTAL), "T2") is None


def test_a_piece_cut_out_of_a_scan_is_not_searched_for_a_column():
    assert not shows_a_spine(_slices(SAGITTAL))  # 16 mm
    large = Volume(np.zeros((6, 300, 300), np.float32), (0.8, 0.8, 4.4), (0.0, 0.0, 0.0), SAGITTAL, "T2")
    assert shows_a_spine(large)


def test_cubes_have_no_plane():
    assert plane_doubt(_slices(AXIAL, (1.0, 1.0, 1.0)), "T2") is None


def _column(sac: float, bodies: float) -> tuple[np.ndarray, Column]:
    parts, instances, _ = block_column()
    image = np.full(parts.shape, 40.0, np.float32)
    image[parts == CANAL], image[parts == BODY] = sac, bodies
    volume = Volume(image, SPACING, (0.0, 0.0, 0.0), np.eye(3), "MR")
    grid = ColumnGrid.of(volume, SPACING)
    labels = np.where(instances < 26, instances, 0).astype(np.uint8)
    column = Column(grid, parts, labels, parts.astype(np.float16), [], Levels((), "count", 0.0), "cpu", "float32")
    return grid.image, column


@pytest.mark.parametrize(
    ("name", "sac", "bodies", "fits"),
    [
        ("T1", 50.0, 100.0, True),
        ("ceT1", 105.0, 100.0, True),
        ("T2", 200.0, 100.0, True),
        ("STIR", 240.0, 100.0, True),
        ("T1", 220.0, 100.0, False),
        ("T1", 155.0, 100.0, False),  # the least of real T2: DzZ
        ("ceT1", 200.0, 100.0, False),
        ("T2", 60.0, 100.0, False),
        ("STIR", 80.0, 100.0, False),
    ],
)
def test_a_sequence_whose_sac_is_as_bright_as_anothers_is_doubted(name, sac, bodies, fits):
    doubt = sequence_doubt(*_column(sac, bodies), name)
    assert (doubt is None) == fits
    assert fits or f"given as {name}" in str(doubt)


def test_a_scan_without_a_column_is_refused():
    assert spine_doubt(0, "T1") == spine_doubt(1, "T1") != spine_doubt(5, "T1")
    with pytest.raises(SpineError, match="No vertebral column was found on T1"):
        refuse(spine_doubt(0, "T1"), insisted=False)


TR_TE = {"EchoTime": 0.01, "ScanOptions": "SP", "ScanningSequence": "SE"}


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("T1", TR_TE, None),
        ("T2", TR_TE | {"EchoTime": 0.1}, None),
        ("STIR", TR_TE | {"EchoTime": 0.06, "ScanningSequence": "SE_IR", "InversionTime": 0.16}, None),
        ("STIR", TR_TE | {"EchoTime": 0.06, "ScanOptions": "FS_SP"}, None),  # a fat-suppressed T2 is what it knows
        ("T1", TR_TE | {"ScanningSequence": "SE_IR", "InversionTime": 0.86}, None),  # T1 FLAIR nulls water
        ("T1", TR_TE | {"ContrastBolusAgent": "none"}, None),
        ("ceT1", TR_TE | {"ContrastBolusAgent": "Gadovist", "ScanOptions": "FS"}, None),  # learned with and without
        ("T2", {}, None),
        ("T2", TR_TE | {"EchoTime": 0.1, "ScanningSequence": "SE_IR", "InversionTime": 0.16}, "fat was suppressed"),
        ("T2", TR_TE | {"EchoTime": 0.1, "ScanOptions": ["SP", "FS"]}, "fat was suppressed"),
        ("T2", {"ImageType": ["DERIVED", "PRIMARY", "M", "WATER"]}, "fat was suppressed"),
        ("STIR", TR_TE | {"EchoTime": 0.1}, "neither of an inversion nor of suppressed fat"),
        ("T1", TR_TE | {"ContrastBolusAgent": "Dotarem"}, "names a contrast agent"),
        ("T1", TR_TE | {"EchoTime": 0.1}, "echo time of 100 ms, long as on T2"),
        ("T2", TR_TE, "echo time of 10 ms, short as on T1"),
    ],
)
def test_a_header_that_tells_another_weighting_is_doubted(name, fields, words):
    doubt = header_doubt(with_header(_slices(SAGITTAL), fields), name)
    assert (doubt is None) == (words is None)
    assert words is None or (words in str(doubt) and "--anyway" in str(doubt))


def test_a_file_and_a_dicom_series_tell_their_weighting_themselves(tmp_path):
    scan = Volume(np.arange(6 * 20 * 20, dtype=np.int16).reshape(6, 20, 20), (0.8, 0.8, 4.4), direction=SAGITTAL)
    write_volume(scan, tmp_path / "t2.nii.gz")
    assert acquisition_of(read_volume(tmp_path / "t2.nii.gz")) is None
    (tmp_path / "t2.json").write_text(json.dumps({"InversionTime": 0.15}))
    assert "fat was suppressed" in str(header_doubt(read_volume(tmp_path / "t2.nii.gz"), "T2"))
    write_image_series(tmp_path / "dicom", scan, InversionTime=150, EchoTime=60, ContrastBolusAgent="Dotarem")
    told = acquisition_of(read_volume(tmp_path / "dicom"))
    assert told == Acquisition(fat_suppressed=True, inverted=True, echo_s=0.06, contrast_agent=True)


def _on_the_grid_of(column: Column, sac: float, bodies: float) -> Volume:
    grey = np.full(column.parts.shape, 40.0, np.float32)
    grey[column.parts == CANAL], grey[column.parts == BODY] = sac, bodies
    return column.grid.to_source(grey, "other")


@pytest.mark.parametrize(("sac", "fits"), [(200.0, True), (60.0, False)])
def test_a_second_sequence_is_looked_at_where_the_column_was_found_in_the_first(sac, fits):
    """T1 given as T2 beside a T1: the column is sought in the first, which is as it should be."""
    _, column = _column(50.0, 100.0)
    doubt = overlaid_doubt(_on_the_grid_of(column, sac, 100.0), column, "T2")
    assert (doubt is None) == fits
    assert fits or ("given as T2" in doubt and "or it does not lie over the others" in doubt and "--anyway" in doubt)


@pytest.mark.parametrize("offset", [-300.0, 1000.0])
def test_where_black_is_not_zero_the_sac_is_compared_from_black_on(offset):
    for name, sac in (("T1", 50.0), ("T2", 200.0)):
        image, column = _column(sac, 100.0)
        air = image.copy()
        air[:, :2] = 0
        assert sequence_doubt(air + np.float32(offset), column, name) is None
        other = "T2" if name == "T1" else "T1"
        assert f"given as {other}" in str(sequence_doubt(air + np.float32(offset), column, other))
