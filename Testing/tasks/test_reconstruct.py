"""A model beside the vertebra before its repair: volumes, painted distances, files, and the job."""

import json

import numpy as np
import pytest

from SpineLib.errors import Cancelled, SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.mesh.files import read_mesh
from SpineLib.mesh.model import ModelSettings
from SpineLib.metrics.printing import MODEL_FIGURES, figures_of
from SpineLib.tasks.printing.reconstruct import reconstruct, write_models
from SpineLib.volume import write_volume
from Testing.tasks.balls import ball, box, grid, rotation

CENTRE = (12.0, -80.0, 300.0)
ON = grid((1.0, 1.0, 1.5), 15.0, rotation((10, 20, -15)), CENTRE)
WHOLE = ball(10.0, CENTRE, ON)


def damaged():
    """The ball with all removed that lies more than 4 mm to the left of its middle."""
    gone = box((CENTRE[0] + 4, -200, 200), (100, 0, 400), ON)
    return WHOLE.with_array(WHOLE.array * (gone.array == 0))


@pytest.fixture(scope="module")
def repaired():
    return reconstruct(WHOLE, damaged())


def test_volumes_are_those_of_the_masks(repaired):
    ml = WHOLE.voxel_volume_ml
    before = damaged().array.sum() * ml
    assert repaired.measures["before_ml"] == pytest.approx(before)
    assert repaired.measures["added_ml"] == pytest.approx(WHOLE.array.sum() * ml - before)
    assert repaired.measures["removed_ml"] == 0
    assert repaired.measures["volume_ml"] == pytest.approx(WHOLE.array.sum() * ml, rel=0.01)


def test_every_figure_that_is_measured_has_its_words_and_unit(repaired):
    numbers = {key for key, value in repaired.measures.items() if not isinstance(value, list)}
    assert {figure.key for figure, _ in figures_of(repaired.measures, MODEL_FIGURES)} == numbers


def test_the_distance_is_positive_where_the_repair_added_and_none_elsewhere(repaired):
    left = repaired.model.points[:, 0] - CENTRE[0]
    assert repaired.distance_mm[left > 8].min() > 3
    assert np.abs(repaired.distance_mm[left < 1]).max() < 0.3
    assert repaired.measures["distance_max_mm"] == pytest.approx(6.0, abs=0.7)
    assert repaired.before.distance_mm.min() < -3  # the cut face lies within the repaired ball
    cap = 2 * np.pi * 10 * 6
    assert repaired.measures["changed_mm2"] == pytest.approx(cap, rel=0.1)


def test_distances_stay_life_size_in_a_scaled_model():
    half = reconstruct(WHOLE, damaged(), ModelSettings(scale=0.5))
    assert half.measures["distance_max_mm"] == pytest.approx(6.0, abs=0.7)
    assert half.measures["volume_ml"] == pytest.approx(WHOLE.array.sum() * WHOLE.voxel_volume_ml / 8, rel=0.01)


def test_without_a_mask_before_there_is_nothing_to_compare(tmp_path):
    alone = reconstruct(WHOLE)
    assert alone.before is None and alone.distance_mm is None and "before_ml" not in alone.measures
    assert write_models(alone, tmp_path) == ("model.vtp", None)


def test_both_models_are_written_painted_and_in_lps(repaired, tmp_path):
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    assert write_models(repaired, tmp_path) == ("model.vtp", "before.vtp")
    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(tmp_path / "model.vtp"))
    reader.Update()
    data = reader.GetOutput()
    assert data.GetFieldData().GetAbstractArray("SPACE").GetValue(0) == "LPS"
    thickness = vtk_to_numpy(data.GetPointData().GetArray("thickness_mm"))
    assert np.allclose(vtk_to_numpy(data.GetPointData().GetArray("distance_mm")), repaired.distance_mm, atol=1e-4)
    assert np.median(thickness) == pytest.approx(20.0, abs=1.0)
    assert data.GetCellData().GetArray("bad").GetRange() == (0.0, 0.0)
    assert np.allclose(vtk_to_numpy(data.GetPoints().GetData()).mean(axis=0), CENTRE, atol=1.0)


def test_provenance_is_plain_json_with_all_settings(repaired):
    told = json.loads(json.dumps(repaired.provenance))
    assert told["parameters"]["smallest_wall_mm"] == 0.8 and "manifold3d" in told["libraries"]
    assert "Research use only" in told["notice"]


def test_an_empty_mask_before_is_refused():
    with pytest.raises(SpineError, match="before its repair is empty"):
        reconstruct(WHOLE, WHOLE.with_array(np.zeros_like(WHOLE.array)))


def test_it_can_be_cancelled():
    def stop(fraction, text):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        reconstruct(WHOLE, damaged(), progress=stop)


def test_the_job_writes_the_files_asked_for(tmp_path):
    write_volume(WHOLE, tmp_path / "mask.nrrd")
    write_volume(damaged(), tmp_path / "before.nrrd")
    (tmp_path / "out").mkdir()
    inputs = {"mask": str(tmp_path / "mask.nrrd"), "before": str(tmp_path / "before.nrrd")}
    result = json.loads(
        json.dumps(
            run_job(
                "model", {"inputs": inputs, "settings": {"smoothing": 0.4}, "formats": ["stl", "3mf"]}, tmp_path / "out"
            ),
            allow_nan=False,
        )
    )
    assert result["passed"] and result["files"] == ["model.stl", "model.3mf"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"model.vtp", "before.vtp", *result["files"]}
    assert len(read_mesh(tmp_path / "out" / "model.stl").triangles) == result["measures"]["triangles"]
    assert result["provenance"]["parameters"]["smoothing"] == 0.4


def test_the_job_tells_of_a_refused_model_and_writes_it_painted_only(tmp_path):
    thin = ON.with_array(np.zeros_like(ON.array))
    thin.array[8, 3:-3, 3:-3] = 1
    write_volume(thin, tmp_path / "mask.nrrd")
    result = run_job(
        "model",
        {"inputs": {"mask": str(tmp_path / "mask.nrrd")}, "formats": ["stl"], "settings": {"smallest_wall_mm": 3.0}},
        tmp_path,
    )
    assert not result["passed"] and result["files"] == [] and result["bad_triangles"] > 0
    assert (tmp_path / "model.vtp").exists() and "red" in result["notes"][-1]
