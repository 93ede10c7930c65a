"""Canal and vertebrae that nobody drew: found in a real scan by the job, in the scene as segments, measured from."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import slicer

from SpineLib.jobs.registry import run_job
from SpineLib.scene import comparison as com
from SpineLib.scene.nodes import volume_from_node, volume_to_node
from SpineLib.scene.results import segment_tag
from SpineLib.scene.spineparts import FOUND_BY, canal_segment, canal_volume, spine_parts
from SpineLib.scene.stability import propose
from SpineLib.volume import read_volume, write_volume
from SpineLib.volume.places import to_lps


@pytest.fixture
def scan(shared_data, scene):
    """A healthy T2, its labelled bodies (1 is S1, 4 is L3), and its node."""
    folder = shared_data / "mr_lumbar"
    if not (folder / "DzZ_T2.nii.gz").is_file():
        pytest.skip("the shared data has no mr_lumbar/DzZ_T2.nii.gz")
    bodies = np.asarray(nibabel.load(folder / "DzZ_T2_vb-labels.nii.gz").dataobj)
    volume = read_volume(folder / "DzZ_T2.nii.gz", "T2")
    return volume, volume.with_array(bodies.T.astype(np.uint8)), volume_to_node(volume, "T2")


def lesion_in(body, node, name, grow=0):
    """A segmentation with a box in the front half of a body, a few mm from its back."""
    where = np.argwhere(body.array)
    places = to_lps(where, body)
    low, high = places.min(0), places.max(0)
    front = low[1] + 0.5 * (high[1] - low[1])
    inside = (places[:, 1] < front + grow) & (np.abs(places[:, 2] - places[:, 2].mean()) < 6)
    mask = np.zeros(body.array.shape, np.uint8)
    mask[tuple(where[inside].T)] = 1
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(node)
    segment = segmentation.GetSegmentation().AddEmptySegment("", name)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, segment, node)
    return segmentation, segment


def test_the_canal_is_found_by_itself_and_both_distances_belong_to_the_comparison(scan, tmp_path):
    volume, bodies, node = scan
    l3 = bodies.with_array((bodies.array == 4).astype(np.uint8))
    tumour, dead = lesion_in(l3, node, "metastasis"), lesion_in(l3, node, "necrosis", grow=4)
    pair = com.collect_pair((tumour[0], [tumour[1]]), (dead[0], [dead[1]]))
    path = tmp_path / "scan.nrrd"
    write_volume(volume_from_node(node, "T2"), path, compress=False)
    asked = pair.parameters(tmp_path) | {"search": {"path": str(path), "sequence": "T2"}}
    imported = com.import_comparison(tmp_path, run_job("compare", asked, tmp_path), pair, scan=node)
    distances = imported.comparison["canal"]
    # The body's back lies at the canal; the lesion ends half a body before it, the necrosis 4 mm nearer.
    half = np.ptp(to_lps(np.argwhere(l3.array), l3)[:, 1]) / 2
    assert distances["metastasis"]["distance_mm"] == pytest.approx(half, abs=4)
    assert distances["metastasis"]["distance_mm"] - distances["necrosis"]["distance_mm"] == pytest.approx(4, abs=1.5)
    assert distances["metastasis"]["canal_by"] == "column-mr" and distances["metastasis"]["beside"] == 1
    assert any("look whether it is right" in note for note in imported.notes)

    canal = imported.canal
    assert not canal.GetDisplayNode().GetVisibility() and canal.GetNodeReference("SpineOncology.Source") is node
    segment = canal.GetSegmentation().GetSegment(canal_segment(canal))
    assert segment.GetName() == "Canal" and segment_tag(segment, FOUND_BY) == "column-mr"
    assert com.is_current(imported.head, com.collect_pair(*_asked(tumour, dead), canal=canal))
    assert com.pair_of(imported.head).canal_node is canal
    mask, by = canal_volume(canal)
    assert by == "column-mr" and not (mask.array[bodies.array > 0]).mean() > 0.02, "the canal is beside the bodies"

    parts = spine_parts(canal)
    own = parts.of(l3)
    assert own.name == "L3" and len(own.neighbours) == 2
    overlap = 2 * np.sum((own.body.array > 0) & (l3.array > 0)) / (np.sum(own.body.array > 0) + np.sum(l3.array > 0))
    assert overlap > 0.75
    proposed = propose(tumour[0], tumour[1], canal)
    assert proposed.form.sins["location"] == "mobile" and proposed.form.sins["collapse"] == "none"
    assert proposed.form.sins["posterolateral"] == "none" and proposed.form.bilsky == "0"
    assert "found by 'column-mr', not by a person" in proposed.sentence


def _asked(tumour, dead):
    return (tumour[0], [tumour[1]]), (dead[0], [dead[1]])
