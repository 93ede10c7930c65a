"""Pairs of points as Slicer holds and saves them: by their places in the lists, and only where both are placed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer
import vtk

from SpineLib.errors import SpineError
from SpineLib.scene import registration as reg
from SpineLib.tasks.registration.points import pairs_of, read_point_pairs, start_of_pairs
from Testing.scene.grids import add_volume

PLACES = np.array([(0, 0, 0), (30, 0, 0), (0, 30, 0), (0, 0, 30), (20, 20, 5)], float)
SHIFT = np.array((5.0, 2.0, -3.0))


def add_list(places, name, missing=(), unset=()):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    for place in places:
        node.AddControlPoint(vtk.vtkVector3d(*place))
    for index in missing:
        node.SetNthControlPointPositionMissing(index)
    for index in unset:
        node.UnsetNthControlPointPosition(index)
    return node


@pytest.fixture
def lists(scene):
    """The second is missing before, the third unset after."""
    return add_list(PLACES, "before", missing=[1]), add_list(PLACES + SHIFT, "after", unset=[2])


def save(node, path, system=None):
    """As Slicer does, by its storage node; the older format has to be asked for."""
    kind = "vtkMRMLMarkupsFiducialStorageNode" if path.suffix == ".fcsv" else "vtkMRMLMarkupsJsonStorageNode"
    storage = slicer.mrmlScene.AddNewNodeByClass(kind)
    if system is not None:
        storage.SetCoordinateSystem(getattr(storage, f"CoordinateSystem{system}"))
    storage.SetFileName(str(path))
    assert storage.WriteData(node)
    return path


def as_slicer_reads_it(path):
    """LPS mm by Slicer's own reader; None where a point is not placed."""
    node = slicer.util.loadMarkups(str(path))
    status = [node.GetNthControlPointPositionStatus(n) for n in range(node.GetNumberOfControlPoints())]
    return [
        np.array(node.GetNthControlPointPosition(n)) * (-1, -1, 1) if one == node.PositionDefined else None
        for n, one in enumerate(status)
    ]


def test_points_are_paired_by_their_places_where_both_are_placed(lists):
    after = add_volume()
    start = reg.start_of_points(*lists, after)
    pairs = pairs_of(*start.values())
    np.testing.assert_allclose(pairs.after - pairs.before, np.tile(SHIFT * (-1, -1, 1), (3, 1)), atol=1e-6)
    assert pairs.names == ("1", "4", "5") and "Points 2, 3 are placed on one scan only" in pairs.notes[0]
    begun = start_of_pairs(pairs)
    assert begun.misfit_mm < 1e-6 and begun.notes[0] == pairs.notes[0]


def test_what_lies_behind_the_end_of_the_other_list_is_no_pair(scene):
    after = add_volume()
    six = add_list([*PLACES, (1, 2, 3)], "six", unset=[5])
    assert len(reg.start_of_points(six, add_list(PLACES, "five"), after)["before_lps_mm"]) == 6
    with pytest.raises(SpineError, match="differ in length"):
        reg.start_of_points(add_list(PLACES, "five"), add_list(PLACES[:4], "four"), after)
    with pytest.raises(SpineError, match="2 pairs of points"):
        reg.start_of_points(add_list(PLACES[:4], "a", missing=[0]), add_list(PLACES[:4], "b", unset=[1]), after)


@pytest.mark.parametrize("suffix", [".mrk.json", ".json", ".fcsv"])
@pytest.mark.parametrize("system", ["LPS", "RAS"])
def test_files_mean_what_slicer_reads_in_them(lists, tmp_path, suffix, system):
    files = [save(node, tmp_path / f"{node.GetName()}{suffix}", system) for node in lists]
    pairs = read_point_pairs(*files)
    known = [as_slicer_reads_it(file) for file in files]
    assert [place is None for place in known[0]] == [False, True, False, False, False]
    assert [place is None for place in known[1]] == [False, False, True, False, False]
    for found, places in zip(pairs, known):
        np.testing.assert_allclose(found, [places[n] for n in (0, 3, 4)], atol=1e-5)
    assert "Points 2, 3" in pairs.notes[0]


def test_both_lists_in_one_file_and_the_table_that_slicer_exports_mean_the_same(lists, tmp_path):
    files = [save(node, tmp_path / f"{node.GetName()}.mrk.json") for node in lists]
    both = json.loads(files[0].read_text())
    both["markups"] += json.loads(files[1].read_text())["markups"]
    (tmp_path / "both.mrk.json").write_text(json.dumps(both))
    expected = list(read_point_pairs(*files))
    np.testing.assert_allclose(list(read_point_pairs(tmp_path / "both.mrk.json")), expected)
    tables = [tmp_path / f"{node.GetName()}.csv" for node in lists]
    for node, table in zip(lists, tables):
        assert slicer.modules.markups.logic().ExportControlPointsToCSV(node, str(table))
    np.testing.assert_allclose(list(read_point_pairs(*tables)), expected, atol=1e-5)


@pytest.mark.parametrize("space", ["LPS", "RAS", "0", "1", 0, 1, None])
@pytest.mark.parametrize("status", [None, "defined", "undefined", "preview", "missing"])
def test_spaces_and_states_mean_what_slicer_makes_of_them(scene, tmp_path, space, status):
    point = {"label": "F-1", "position": [1.0, 2.0, 3.0]} | ({} if status is None else {"positionStatus": status})
    others = [{"label": f"F-{n}", "position": [4.0 * n, n, 6.0]} for n in range(2, 5)]
    one = {"type": "Fiducial", "controlPoints": [point, *others]} | (
        {} if space is None else {"coordinateSystem": space}
    )
    schema = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    file = tmp_path / "list.mrk.json"
    file.write_text(json.dumps({"@schema": schema + "markups-schema-v1.0.3.json#", "markups": [one]}))
    known = as_slicer_reads_it(file)
    pairs = read_point_pairs(file, file)
    placed = [place for place in known if place is not None]
    assert len(placed) == (4 if status in (None, "defined") else 3)
    np.testing.assert_allclose(pairs.before, placed)


@pytest.mark.parametrize("place", ["", None, [], [1, 2], "1"])
def test_a_point_without_three_numbers_is_not_placed(scene, tmp_path, place):
    points = [{"label": "F-1", "position": place}, *({"label": "F", "position": [4.0 * n, n, 6.0]} for n in range(4))]
    file = tmp_path / "list.mrk.json"
    file.write_text(json.dumps({"markups": [{"coordinateSystem": "LPS", "controlPoints": points}]}))
    assert read_point_pairs(file, file).names == ("2", "3", "4", "5")


def test_a_space_that_is_neither_is_refused(tmp_path):
    file = tmp_path / "list.mrk.json"
    file.write_text(json.dumps({"markups": [{"coordinateSystem": "IJK", "controlPoints": []}]}))
    with pytest.raises(SpineError, match="space 'IJK'"):
        read_point_pairs(file, file)
