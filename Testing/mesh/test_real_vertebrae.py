"""Real vertebrae become models that the gate passes, whole and cut."""

import numpy as np
import pytest

from SpineLib.mesh.files import read_mesh
from SpineLib.mesh.gate import check_model
from SpineLib.mesh.model import ModelSettings, as_in_files, build_model, write_model
from SpineLib.volume import read_volume

MASKS = {
    "none": ("ct_spine/sub-verse012_seg-vert_msk.nii.gz", 18),  # a clinical CT in slices of 3 mm
    "body": ("ct_spine/ts_example_ct_vertebrae-totalseg.nii.gz", 29),
}  # a model's output, voxels of 3 mm


@pytest.mark.parametrize("cut", MASKS)
def test_a_segmented_vertebra_prints_whole_or_its_body_alone(shared_data, tmp_path, cut):
    file, label = MASKS[cut]
    if not (shared_data / file).is_file():
        pytest.skip(f"the shared data has no {file}")
    labels = read_volume(shared_data / file)
    model = build_model(labels.with_array((labels.array == label).astype(np.uint8)), ModelSettings(cut=cut))
    assert model.report.passed, model.report.reasons
    assert abs(model.measures["volume_error"]) < 0.01
    low, high = (0.99, 1.01) if cut == "none" else (0.45, 0.75)
    assert low < model.measures["volume_ml"] / model.measures["whole_ml"] < high
    assert write_model(model, tmp_path / "m.stl").passed


def test_a_scanned_vertebras_mesh_passes_the_gate(shared_data):
    path = shared_data / "meshes" / "VHMale_L1_Schrumpfverpacken.obj"
    if not path.is_file():
        pytest.skip("the shared data has no meshes/VHMale_L1_Schrumpfverpacken.obj")
    found = read_mesh(path)
    report = check_model(*as_in_files(1000 * found.points, found.triangles))  # the file is in metres
    assert report.passed, report.reasons
