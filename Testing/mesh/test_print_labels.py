"""Whole label files through the print gate, and meshes as label files."""

import json
import shutil
import sys

import numpy as np
import pytest

from SpineLib.geometry.triangles import volume_mm3
from SpineLib.mesh.files import write_mesh
from SpineLib.volume import Volume, read_volume, write_volume
from Testing.mesh import print_labels, voxelise
from Testing.mesh.shapes import sphere, vertebra


def run(module, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["program", *map(str, words)])
    module.main()


def test_each_whole_vertebra_of_a_file_is_printed_with_each_cut_and_counted(tmp_path, monkeypatch, capsys):
    labels = vertebra(Volume(np.zeros((24, 54, 32), np.uint8), (1.5, 1.5, 1.5)))
    array = 11 * labels.array
    array[0] = 40  # a sheet at the edge of the image: a vertebra that the field of view cuts
    array[-3, 3, 3] = 41  # a single voxel
    array[-3, -4, 3] = 26
    write_volume(labels.with_array(array), tmp_path / "labels.nii.gz")
    words = [tmp_path / "labels.nii.gz", "-o", tmp_path / "out"]
    run(print_labels, monkeypatch, *words)
    rows = [json.loads(line) for line in (tmp_path / "out" / print_labels.RECORD).read_text().splitlines()]
    assert [(row["label"], row["cut"]) for row in rows] == [
        (name, cut) for name in ("11", "40", "41") for cut in ("none", "body")
    ]
    assert rows[0]["passed"] and rows[0]["read_back"] and rows[1]["passed"] and rows[2]["outside"]
    assert rows[0].get("manifold") is (True if shutil.which("prusa-slicer") else None)
    assert not rows[4]["passed"] and rows[4]["reasons"]
    first = capsys.readouterr().out
    assert "cut none: 2 vertebrae, 1 models passed and were written, 1 passed again when read back" in first
    assert "1 left out at the image's edge" in first and "labels.nii.gz 41: " in first
    monkeypatch.setattr(print_labels, "printed", None)  # goes on where it was: nothing is left to do
    run(print_labels, monkeypatch, *words)
    assert capsys.readouterr().out == first


def test_a_mesh_becomes_the_voxels_inside_it(tmp_path, monkeypatch):
    points, triangles = sphere(10.0, centre=(5.0, -3.0, 20.0))
    # In metres, x forwards and y to the left.
    turned = np.stack([-points[:, 1], points[:, 0], points[:, 2]], axis=1) / 1000
    write_mesh(turned, triangles, tmp_path / "ball.ply")
    run(
        voxelise,
        monkeypatch,
        f"20={tmp_path / 'ball.ply'}",
        "-o",
        tmp_path / "labels.nii.gz",
        "--turn",
        "y,-x,z",
        "--scale",
        1000,
        "--voxel",
        0.5,
    )
    labels = read_volume(tmp_path / "labels.nii.gz")
    volume = np.count_nonzero(labels.array == 20) * labels.voxel_volume_ml * 1000
    assert volume == pytest.approx(volume_mm3(points, triangles), rel=0.01)  # voxels of half a millimetre
    middle = labels.ijk_to_lps @ [*np.argwhere(labels.array).mean(axis=0)[::-1], 1]
    np.testing.assert_allclose(middle[:3], (5.0, -3.0, 20.0), atol=0.1)
