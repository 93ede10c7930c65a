"""What is refused before a model of the spine runs on MR: the wrong plane, no spine, another sequence."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.tasks.column.find import Column
from SpineLib.tasks.column.fitness import plane_doubt, refuse, sequence_doubt, shows_a_spine, spine_doubt
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.column.levels import Levels
from SpineLib.tasks.column.parts import BODY, CANAL
from SpineLib.volume import Volume
from Testing.columns import SPACING, block_column

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
