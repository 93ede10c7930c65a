"""Registration in the scene: the transform node's direction, parents, axis orders, points, what was edited."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene import registration as reg
from SpineLib.scene.nodes import RAS_LPS, ijk_to_world, volume_from_node
from SpineLib.scene.scans import after_to_before, put_under, take_off, unregistered_volume
from SpineLib.scene.segmentvolumes import segments_volume
from SpineLib.volume import read_volume
from SpineLib.volume.told import fat_shift_of
from SpineLib.volume.transform import read_transform, write_transform
from Testing.scene.grids import AXIS_ORDERS, add_transform, axis_matrix, rotation, warp

QUALITY = {"metric": 0.7, "overlap": 0.98, "spread_mm": 0.1, "trusted": True, "reasons": [], "error_mm": 0.4}


def rigid(degrees=(4, -3, 6), shift=(5, -7, 3)):
    """A rigid 4 x 4."""
    matrix = rotation(degrees)
    matrix[:3, 3] = shift
    return matrix


def scan(name, matrix, shape=(6, 9, 8)):
    voxels = np.arange(np.prod(shape)).reshape(shape).astype(np.float32)
    return slicer.util.addVolumeFromArray(voxels, matrix, name)


def add_pair(order=((1, 2, 0), (-1, -1, -1)), moved=None):
    """The same image before and after, the second where ``moved`` (RAS, before to after) has put it."""
    matrix = axis_matrix(*order, spacing=(1, 2, 3), origin=(20, 30, 40))
    return scan("before", matrix), scan("after", (rigid() if moved is None else moved) @ matrix)


def run(before, after, folder, moved=None, **quality):
    """Both scans out, the true transform back in."""
    inputs = reg.export_scans(before, after, folder)
    truth = RAS_LPS @ np.linalg.inv(rigid() if moved is None else moved) @ RAS_LPS
    result = {
        "transform": "after_to_before.tfm",
        "after_to_before_lps": truth.tolist(),
        "quality": QUALITY | quality,
        "provenance": {"task": "register"},
        "notes": ["a note"],
    }
    return reg.import_registration(result, inputs)


@pytest.mark.parametrize("order", AXIS_ORDERS[::7])
def test_under_the_transform_the_scan_after_lies_on_the_scan_before(scene, tmp_path, order):
    before, after = add_pair(order)
    node = run(before, after, tmp_path).transform
    assert node.GetClassName() == "vtkMRMLLinearTransformNode"
    np.testing.assert_allclose(ijk_to_world(after), rigid() @ ijk_to_world(before), atol=1e-9)
    assert put_under(node, [after]) == []
    np.testing.assert_allclose(ijk_to_world(after), ijk_to_world(before), atol=1e-9)
    take_off(node, [after])
    assert after.GetParentTransformNode() is None


def test_the_job_reads_both_scans_where_they_lie(scene, tmp_path):
    before, after = add_pair()
    tilted = add_transform(rotation((3, 2, 1)))
    before.SetAndObserveTransformNodeID(tilted.GetID())
    inputs = reg.export_scans(before, after, tmp_path)
    for node, role in ((before, "before"), (after, "after")):
        assert read_volume(inputs.files[role]).same_grid(volume_from_node(node))
    inputs.release()


def test_the_job_learns_from_the_dicom_database_how_far_fat_is_displaced(scene, tmp_path, monkeypatch):
    pydicom = pytest.importorskip("pydicom")
    from Testing.volume.series import write_image_series

    before, after = add_pair()
    image = volume_from_node(before)
    write_image_series(
        tmp_path / "database", image, PixelBandwidth=145, ImagingFrequency=63.87, InPlanePhaseEncodingDirection="ROW"
    )
    files = {
        str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID): str(path)
        for path in (tmp_path / "database").iterdir()
    }
    before.SetAttribute("DICOM.instanceUIDs", " ".join(files))
    monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(fileForInstance=files.get), raising=False)
    turned = add_transform(rotation((40, -70, 20)))
    before.SetAndObserveTransformNodeID(turned.GetID())
    inputs = reg.export_scans(before, after, tmp_path)
    lying = read_volume(inputs.files["before"])
    wanted = 3.4 * 63.87 / 145 * lying.ijk_to_lps[:3, 1]  # down the rows, where the parent transform has turned them
    np.testing.assert_allclose(fat_shift_of(lying).vector_mm, wanted, rtol=1e-3)
    assert fat_shift_of(read_volume(inputs.files["after"])) is None
    inputs.release()
    for name in files.values():
        Path(name).unlink()
    (tmp_path / "again").mkdir()
    again = reg.export_scans(before, after, tmp_path / "again")
    assert fat_shift_of(read_volume(again.files["before"])) is None


def test_the_job_learns_it_from_a_sidecar_beside_a_file_too_and_nothing_of_the_patient(scene, tmp_path):
    before, after = add_pair()
    (tmp_path / "t1.json").write_text(
        json.dumps(
            {
                "PixelBandwidth": 145,
                "MagneticFieldStrength": 1.5,
                "InPlanePhaseEncodingDirectionDICOM": "COL",
                "PatientName": "Doe^Jane",
            }
        )
    )
    before.AddDefaultStorageNode(str(tmp_path / "t1.nii.gz"))
    (tmp_path / "job").mkdir()
    inputs = reg.export_scans(before, after, tmp_path / "job")
    lying = read_volume(inputs.files["before"])
    along = np.array(fat_shift_of(lying).vector_mm) @ lying.direction
    assert along[0] > 0.4 and np.abs(along[1:]).max() < 1e-6
    assert all("Doe" not in path.read_text() for path in (tmp_path / "job").glob("*.json"))


def test_a_scan_under_a_parent_transform_moves_and_nothing_else_under_that_parent_does(scene, tmp_path):
    parent = add_transform(rotation((10, 0, 5)), add_transform(rotation((0, 7, 0))))
    before, after = add_pair()
    other = scan("other", np.eye(4))
    for node in (after, other):
        node.SetAndObserveTransformNodeID(parent.GetID())
    other_at = ijk_to_world(other)
    moved = ijk_to_world(after) @ np.linalg.inv(ijk_to_world(before))
    node = run(before, after, tmp_path, moved).transform
    put_under(node, [after])
    np.testing.assert_allclose(ijk_to_world(after), ijk_to_world(before), atol=1e-9)
    np.testing.assert_allclose(ijk_to_world(other), other_at, atol=1e-9)


def test_a_second_registration_starts_from_where_the_scan_really_was(scene, tmp_path):
    before, after = add_pair()
    raw = volume_from_node(after)
    first = run(before, after, tmp_path).transform
    put_under(first, [after])
    inputs = reg.export_scans(before, after, tmp_path)
    assert read_volume(inputs.files["after"]).same_grid(raw)
    inputs.release()
    second = run(before, after, tmp_path).transform
    assert second is not first
    put_under(second, [after])
    assert after.GetParentTransformNode() is second
    np.testing.assert_allclose(ijk_to_world(after), ijk_to_world(before), atol=1e-9)


def test_a_transform_by_hand_is_left_out_of_the_raw_place_when_it_is_named(scene):
    _, after = add_pair()
    raw = volume_from_node(after)
    own = add_transform(rigid())
    after.SetAndObserveTransformNodeID(own.GetID())
    assert unregistered_volume(after, own).same_grid(raw)
    assert not unregistered_volume(after).same_grid(raw)


def test_the_node_agrees_with_the_jobs_file_as_slicer_reads_it(scene, tmp_path):
    before, after = add_pair()
    node = run(before, after, tmp_path).transform
    write_transform(after_to_before(node), tmp_path / "t.tfm")
    loaded = slicer.util.loadTransform(str(tmp_path / "t.tfm"))
    np.testing.assert_allclose(
        slicer.util.arrayFromTransformMatrix(loaded), slicer.util.arrayFromTransformMatrix(node), atol=1e-6
    )
    np.testing.assert_allclose(read_transform(tmp_path / "t.tfm"), after_to_before(node), atol=1e-6)


def test_a_volume_under_another_parent_is_left_and_told(scene, tmp_path):
    before, after = add_pair()
    elsewhere = scan("T2 after", np.eye(4))
    elsewhere.SetAndObserveTransformNodeID(add_transform(rigid()).GetID())
    node = run(before, after, tmp_path).transform
    assert put_under(node, [after, elsewhere]) == [elsewhere]


def test_an_edited_transform_is_noticed_and_quality_is_told_in_words(scene, tmp_path):
    before, after = add_pair()
    node = run(before, after, tmp_path).transform
    assert not reg.was_edited(node) and reg.trust(node) == (0.4, True)
    text, warning = reg.quality_text(node)
    assert text.startswith("The scans fit. Estimated error 0.4 mm") and not warning
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(rigid((0, 0, 0), (1, 0, 0))))
    assert reg.was_edited(node) and "Edited since" in reg.quality_text(node)[0]
    own = add_transform(rigid())
    assert reg.was_edited(own) and reg.trust(own) == (None, True) and "by hand" in reg.quality_text(own)[0]


def test_a_registration_that_is_not_to_be_trusted_warns_until_the_user_accepts_it(scene, tmp_path):
    before, after = add_pair()
    node = run(before, after, tmp_path, trusted=False, reasons=["The restarts disagree."]).transform
    assert reg.quality_text(node)[1] and "The restarts disagree." in reg.quality_text(node)[0]
    assert reg.trust(node) == (0.4, False)
    reg.accept(node, True)
    assert reg.trust(node) == (0.4, True) and not reg.quality_text(node)[1]
    assert "Accepted by eye" in reg.quality_text(node)[0]


@pytest.mark.parametrize("flat", [np.diag([1.0, 1, 0, 1]), np.diag([0.0, 0, 0, 1])])
def test_a_singular_transform_is_one_sentence(scene, flat):
    with pytest.raises(SpineError, match="singular"):
        after_to_before(add_transform(flat))


def test_a_warp_is_one_sentence(scene):
    with pytest.raises(SpineError, match="warping"):
        after_to_before(warp())


def test_the_same_scan_twice_none_and_a_scene_closed_meanwhile(scene, tmp_path):
    before, after = add_pair()
    with pytest.raises(SpineError, match="same volume"):
        reg.export_scans(before, before, tmp_path)
    with pytest.raises(SpineError, match="choose both"):
        reg.export_scans(before, None, tmp_path)
    inputs = reg.export_scans(before, after, tmp_path)
    scene.Clear(0)
    assert reg.import_registration({}, inputs) is None


def test_a_scan_deleted_meanwhile_does_not_lose_the_transform(scene, tmp_path):
    before, after = add_pair()
    inputs = reg.export_scans(before, after, tmp_path)
    scene.RemoveNode(after)
    result = {"after_to_before_lps": np.eye(4).tolist(), "quality": QUALITY, "provenance": {}, "notes": []}
    assert reg.import_registration(result, inputs).transform.GetParentTransformNode() is None


def points(*places, under=None):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    for place in places:
        node.AddControlPoint(*map(float, place))
    if under is not None:
        node.SetAndObserveTransformNodeID(under.GetID())
    return node


LANDMARKS = np.array([(0, 0, 0), (10, 0, 0), (0, 10, 0), (0, 0, 10)], float)


@pytest.mark.parametrize("placed", ["before the registration", "under it", "while it moved the scan"])
def test_pairs_of_points_mean_the_scans_own_places_whenever_they_were_placed(scene, tmp_path, placed):
    before, after = add_pair()
    there = LANDMARKS @ rigid()[:3, :3].T + rigid()[:3, 3]
    registration = run(before, after, tmp_path).transform
    put_under(registration, [after])
    if placed == "before the registration":
        take_off(registration, [after])
        markups = points(*there)
    elif placed == "under it":
        markups = points(*there, under=registration)
    else:
        markups = points(*LANDMARKS)
    start = reg.start_of_points(points(*LANDMARKS), markups, after, registration)
    np.testing.assert_allclose(start["before_lps_mm"], LANDMARKS * (-1, -1, 1), atol=1e-9)
    np.testing.assert_allclose(start["after_lps_mm"], there * (-1, -1, 1), atol=1e-9)


def test_too_few_or_unpaired_points_are_one_sentence_and_no_points_are_no_start(scene):
    _, after = add_pair()
    with pytest.raises(SpineError, match="2 pairs"):
        reg.start_of_points(points(*LANDMARKS[:2]), points(*LANDMARKS[:2]), after)
    for first, second in ((points(*LANDMARKS), points(*LANDMARKS[:3])), (points(*LANDMARKS), None)):
        with pytest.raises(SpineError, match="differ in length"):
            reg.start_of_points(first, second, after)
    assert reg.start_of_points(None, points(), after) is None


def test_a_new_region_of_interest_lies_around_the_metastasis(scene):
    from Testing.scene.ablation import CENTRE, make_case

    (metastasis, segment), *_ = make_case()
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    reg.fit_roi(roi, segments_volume(metastasis, [segment], "metastasis"))
    box = reg.region_of_roi(roi)
    np.testing.assert_allclose(np.array(box["centre_lps_mm"]) * (-1, -1, 1), CENTRE, atol=0.8)
    np.testing.assert_allclose(box["size_mm"], [2 * 5 + 2 * 15] * 3, atol=2)  # a voxel


def test_a_region_of_interest_becomes_a_box_along_the_patients_axes(scene):
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    with pytest.raises(SpineError, match="no size"):
        reg.region_of_roi(roi)
    roi.SetXYZ((10.0, 20.0, 30.0))
    roi.SetRadiusXYZ((15.0, 20.0, 25.0))
    box = reg.region_of_roi(roi)
    np.testing.assert_allclose(box["centre_lps_mm"], (-10, -20, 30))
    np.testing.assert_allclose(box["size_mm"], (30, 40, 50))
