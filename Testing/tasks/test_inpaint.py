"""The repair of a vertebra, and what is refused or told."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from SpineLib.errors import Cancelled, SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.tasks.inpainting.completion import CHANNELS, trusted
from SpineLib.tasks.inpainting.inpaint import fill, fit, inpaint
from SpineLib.tasks.inpainting.settings import InpaintSettings
from SpineLib.tasks.inpainting.site import site_of
from SpineLib.tasks.inpainting.uncertainty import FLOOR_MM
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.resampling import resample_like
from Testing.vertebrae import column, voxel_places, with_hole

#: In the left half of the middle vertebra's body, through its wall.
PLACE, RADIUS = (14.0, -16.0, 2.0), 11.0


def dice(truth: np.ndarray, found: np.ndarray) -> float:
    return 2 * np.count_nonzero(truth & found) / (np.count_nonzero(truth) + np.count_nonzero(found))


@pytest.fixture(scope="module")
def whole() -> Volume:
    return column((8, -9, 12))


@pytest.fixture(scope="module")
def damaged(whole):
    return with_hole(whole, 11, PLACE, RADIUS)


@pytest.mark.parametrize("method", ["templates", "mirror", "neighbours"])
def test_a_hole_is_filled_with_the_bone_that_was_there(whole, damaged, method):
    labels, lesion = damaged
    repair = inpaint(labels, lesion, 11, {}, InpaintSettings(method=method))
    inside, truth = lesion.array > 0, whole.array == 11
    assert dice(truth & inside, (repair.mask.array > 0) & inside) > 0.9  # 2 mm voxels, a hole of 22 mm
    assert repair.measures["added_ml"] == pytest.approx(
        np.count_nonzero(truth & inside) * whole.voxel_volume_ml, rel=0.1
    )


def test_outside_the_region_every_voxel_stays(damaged):
    labels, lesion = damaged
    repair = inpaint(labels, lesion, 11, {}, InpaintSettings("templates"))
    outside = repair.region.array == 0
    assert np.array_equal(repair.mask.array[outside], repair.before.array[outside])
    assert np.array_equal(repair.before.array, (labels.array == 11).astype(np.uint8))
    assert repair.mask.same_grid(labels) and repair.mask.array.dtype == np.uint8


def test_neighbours_and_their_voxels_are_never_written(whole):
    labels, lesion = with_hole(whole, 11, (0, -12, 16), 13.0)  # a mass that reaches the vertebra above
    lesion = lesion.with_array((np.linalg.norm(voxel_places(labels) - [0, -12, 16], axis=-1) < 16).astype(np.uint8))
    repair = inpaint(labels, lesion, 11, {}, InpaintSettings("templates"))
    assert not (repair.mask.array[labels.array == 10]).any()
    assert not (repair.region.array[labels.array == 10]).any()


def test_the_canal_stays_open(whole):
    labels, lesion = with_hole(whole, 11, (0, 0, 0), 14.0)  # back wall of the body and the canal before it
    repair = inpaint(labels, lesion, 11, {}, InpaintSettings("templates"))
    from scipy.spatial.transform import Rotation

    local = voxel_places(labels) @ Rotation.from_euler("xyz", (8, -9, 12), degrees=True).as_matrix()
    core = (np.hypot(local[..., 0], local[..., 1] - 9) < 5) & (np.abs(local[..., 2]) < 6)
    assert not repair.mask.array[core].any()


def test_the_repaired_vertebra_is_one_piece(damaged):
    from scipy import ndimage

    labels, lesion = damaged
    far = lesion.array.copy()
    far[(voxel_places(labels)[..., 0] > 20) & (np.abs(voxel_places(labels)[..., 2]) < 20)] = 1  # soft tissue
    repair = inpaint(labels, lesion.with_array(far), 11, {}, InpaintSettings("templates"))
    assert ndimage.label(repair.mask.array, np.ones((3, 3, 3)))[1] == 1


def test_the_vertebra_is_the_one_the_lesion_meets_most(damaged):
    labels, lesion = damaged
    assert inpaint(labels, lesion, None, {}, InpaintSettings("interpolation")).label == 11


def test_a_lesion_of_a_vertebra_that_the_labels_lack_is_not_taken_for_its_neighbours(whole):
    lacking = whole.with_array(np.where(whole.array == 11, 0, whole.array).astype(np.uint8))
    lesion = whole.with_array(ndimage.binary_dilation(whole.array == 11, iterations=4).astype(np.uint8))
    with pytest.raises(SpineError, match="Only .* of the lesion lies in T[35].*Choose the vertebra"):
        inpaint(lacking, lesion, None, {}, InpaintSettings("templates"))
    asked = inpaint(lacking, lesion, 10, {}, InpaintSettings("templates"))
    assert asked.notes[0].startswith("Only ") and "Look whether T3 is the one that you mean" in asked.notes[0]


def test_another_vertebra_that_the_same_lesion_took_bone_of_is_told(whole, damaged):
    labels, lesion = damaged
    assert not any("too, which" in note for note in inpaint(labels, lesion, 11, {}, InpaintSettings("templates")).notes)
    ball = np.linalg.norm(voxel_places(whole) - [0, -12, 17], axis=-1) < 13  # through the disc into both bodies
    holes = whole.with_array(np.where(ball, 0, whole.array).astype(np.uint8))
    for vertebrae, words in [
        (holes, "reaches T3, too, which is not repaired"),
        (whole, r"reaches T3 \([12]\.\d ml\), too"),
    ]:
        repair = inpaint(vertebrae, whole.with_array(ball.astype(np.uint8)), 11, {}, InpaintSettings("templates"))
        assert re.search(words, " ".join(repair.notes))


def test_a_lesion_on_another_grid_is_resampled(damaged):
    labels, lesion = damaged
    other = replace(
        lesion,
        array=lesion.array[:, ::-1],
        origin=tuple(np.array(lesion.origin) + [0, (lesion.shape[1] - 1) * lesion.spacing[1], 0]),
        direction=np.diag([1.0, -1.0, 1.0]),
    )
    settings = InpaintSettings("interpolation")
    first, second = (inpaint(labels, one, 11, {}, settings) for one in (lesion, other))
    assert np.array_equal(first.mask.array, second.mask.array)
    assert any("another grid" in note for note in second.notes)


def test_the_result_is_the_same_whatever_the_order_of_axes(damaged):
    labels, lesion = damaged

    def turned(volume):
        order = (2, 0, 1)  # array axes k, j, i from i, k, j
        columns = [2 - axis for axis in order][::-1]
        return Volume(
            volume.array.transpose(order),
            tuple(volume.spacing[c] for c in columns),
            volume.origin,
            volume.direction[:, columns],
        )

    settings = InpaintSettings("templates")
    first = inpaint(labels, lesion, 11, {}, settings)
    second = inpaint(turned(labels), turned(lesion), 11, {}, settings)
    # Points of the surface are drawn in the order of the voxels, so the fits differ a little.
    assert dice(turned(first.mask).array > 0, second.mask.array > 0) > 0.99


def test_a_lone_vertebra_is_repaired_and_the_note_says_so():
    labels, lesion = with_hole(column(count=1), 10, PLACE, RADIUS)
    repair = inpaint(labels, lesion, 10, {}, InpaintSettings("templates"))
    assert any("no neighbouring vertebra" in note for note in repair.notes)
    assert repair.measures["added_ml"] > 1
    with pytest.raises(SpineError, match="no neighbour"):
        inpaint(labels, lesion, 10, {}, InpaintSettings("neighbours"))


def test_an_arch_that_is_still_open_after_the_repair_is_told_of(whole, damaged):
    labels, lesion = damaged
    settings = InpaintSettings("templates")
    assert not any("arch does not close" in note for note in inpaint(labels, lesion, 11, {}, settings).notes)
    local = voxel_places(labels) @ Rotation.from_euler("xyz", (8, -9, 12), degrees=True).as_matrix()
    half = (labels.array == 11) & (local[..., 1] > 0) & (local[..., 0] < 0)  # away from the lesion: in no label at all
    open_arch = labels.with_array(np.where(half, 0, labels.array).astype(np.uint8))
    assert any("arch does not close" in note for note in inpaint(open_arch, lesion, 11, {}, settings).notes)


def test_nine_of_ten_places_is_told_for_the_region_and_nowhere_else(damaged):
    repair = inpaint(*damaged, 11, {}, InpaintSettings("templates"))
    there = resample_like(repair.uncertainty, repair.region).array
    inside = (repair.region.array > 0) & (repair.mask.array > 0)
    assert there[inside].min() >= FLOOR_MM - 0.01 and there[inside].max() < 15
    assert (there[repair.region.array == 0] == 0).mean() > 0.99
    # What lies deep in the hole is surer than its border nowhere.
    depth = np.linalg.norm(voxel_places(repair.region) - np.asarray(PLACE), axis=-1)
    assert there[inside & (depth < 4)].mean() >= there[inside & (depth > RADIUS - 1)].mean()


def test_a_neighbour_that_is_ill_or_cut_is_told_and_counts_less(whole, damaged):
    labels, lesion = damaged
    assert not any(
        "counts less" in note for note in inpaint(labels, lesion, 11, {}, InpaintSettings("templates")).notes
    )
    ill = lesion.array | ((np.linalg.norm(voxel_places(labels) - [0, -12, 34], axis=-1) < 8) & (labels.array == 10))
    open_ = np.where((labels.array == 12) & (voxel_places(labels)[..., 1] > 6), 0, labels.array)
    fitted = fit(site_of(labels.with_array(open_), lesion.with_array(ill.astype(np.uint8)), 11, 1.0))
    above, below = (note for note in fitted.notes if "counts less" in note)
    assert above.startswith("The neighbour T3 holds") and "ml of the lesion: it counts less in this repair" in above
    assert below.startswith("The neighbour T5") and "has no closed arch" in below
    trust = {shape.name: shape.trust for shape in fitted.shapes}
    assert trust["mirror"] == 1 and trust["above"] == trust["below"] < 1


def test_a_neighbour_that_the_lesion_has_cut_already_is_told_and_counts_less(whole):
    """A ball around the disc took bone of both bodies, and the labels of both leave it out."""
    ball = np.linalg.norm(voxel_places(whole) - [0, -12, 17], axis=-1) < 14
    cut = whole.with_array(np.where(ball, 0, whole.array).astype(np.uint8))
    fitted = fit(site_of(cut, whole.with_array(ball.astype(np.uint8)), 11, 1.0))
    (note,) = (note for note in fitted.notes if "counts less" in note)
    assert "whose labels leave out what it took" in note
    assert {shape.name: shape.trust for shape in fitted.shapes}["above"] < 1


class Filler(torch.nn.Module):
    """What a network does that learned from pieces without soft tissue: bone wherever nothing is known."""

    multiple = 8

    def forward(self, channels):
        return -10.0 * channels[:, CHANNELS.index("unknown")].unsqueeze(1)


def test_soft_tissue_beyond_the_bone_is_not_filled_whatever_the_network_says(whole):
    labels, lesion = with_hole(whole, 11, (26.0, -16.0, 0.0), 16.0)  # the most of it lies beside the body
    fitted = fit(site_of(labels, lesion, 11, 1.0))
    found, _, _ = fill(fitted, Filler(), InpaintSettings("completion"))
    expected, _, _ = fill(fitted, None, InpaintSettings("templates"))
    outside = fitted.site.region & ~expected
    assert np.count_nonzero(found & outside) < 0.02 * np.count_nonzero(outside)  # a layer of 2 mm would be 0.06


def test_the_network_counts_where_the_border_tells_where_the_bone_was_and_not_far_beyond_it(whole):
    labels, lesion = with_hole(whole, 11, PLACE, RADIUS)
    bone = ndimage.distance_transform_edt(whole.array != 11, whole.spacing[::-1])
    near = lesion.with_array((lesion.array > 0) & (bone <= 2))
    far = lesion.with_array(
        ((bone <= 16) & (np.linalg.norm(voxel_places(labels) - PLACE, axis=-1) < 30)).astype(np.uint8)
    )
    assert fit(site_of(labels, near, 11, 1.0)).telling == pytest.approx(0.8)
    fitted = fit(site_of(labels, far, 11, 1.0))
    assert fitted.telling == 0
    found, _, _ = fill(fitted, Filler(), InpaintSettings("completion"))
    expected, _, _ = fill(fitted, None, InpaintSettings("templates"))
    assert np.array_equal(found, expected)


def test_the_mirror_image_of_a_half_counts_less(whole):
    half = (whole.array == 11) & (voxel_places(whole) @ column_axis() > 0)
    labels = whole.with_array(np.where(half, 0, whole.array))
    shapes = {one.name: one for one in fit(site_of(labels, whole.with_array(half.astype(np.uint8)), 11, 1.0)).shapes}
    # What is known on both sides of the mirror plane are the canal's walls and the processes near it.
    assert shapes["mirror"].trust < 0.7 and shapes["above"].trust == 1


def column_axis() -> np.ndarray:
    """The direction to the left of the turned column of the fixture, LPS."""
    return Rotation.from_euler("xyz", (8, -9, 12), degrees=True).as_matrix()[:, 0]


def test_where_no_mass_is_the_network_moves_the_surface_by_2_mm_at_most():
    mean = np.add.outer(np.zeros((8, 8)), np.arange(8.0) * 1.5 - 5.0)  # a plane surface
    unknown = np.ones(mean.shape, bool)
    few = np.zeros(mean.shape)
    few[2:4, 2:4, 6:] = -9.0  # 8 voxels of 3.4 mm³, less than a mass
    assert np.array_equal(trusted(few, mean, unknown, 1.5), np.clip(few, -2, 2))
    many = np.full(mean.shape, -9.0)
    believed = trusted(many, mean, unknown, 1.5)
    assert (believed[..., 4:] == 0).all(), "at the mass and 3 mm around it"
    assert believed.min() >= -2 and (believed[..., 0] < 0).all(), "8 mm from it the network counts again"
    assert np.array_equal(trusted(many, mean, np.zeros_like(unknown), 1.5), np.full(mean.shape, -2.0))


def test_what_cannot_be_repaired_is_refused(whole, damaged):
    labels, lesion = damaged
    empty, everywhere = lesion.with_array(np.zeros_like(lesion.array)), labels.with_array(labels.array == 11)
    settings = InpaintSettings("templates")
    for vertebrae, mark, label, words in [
        (labels, empty, 11, "empty"),
        (labels, lesion, 12, "outside T5"),
        (labels, lesion, 30, "no vertebra 30"),
        (labels, everywhere, 11, "nothing is left"),
        (labels.with_array(labels.array * 0), lesion, 11, "constant"),
        (labels.with_array(labels.array * 0.5), lesion, 11, "fractions"),
    ]:
        with pytest.raises(SpineError, match=words):
            inpaint(vertebrae, mark, label, {}, settings)
    with pytest.raises(SpineError, match="needs a model"):
        inpaint(labels, lesion, 11, {}, InpaintSettings("completion"))


def test_a_repair_that_the_image_would_cut_off_is_refused(whole):
    labels, lesion = with_hole(whole, 11, (0, -16, 0), 18.0)
    first = int(np.argwhere((labels.array == 11) & (lesion.array == 0))[:, 1].min())
    cut = slice(first - 1, None)  # in front, right where the bone that is left begins
    labels, lesion = (
        replace(
            one,
            array=one.array[:, cut],
            origin=(one.origin[0], one.origin[1] + cut.start * one.spacing[1], one.origin[2]),
        )
        for one in (labels, lesion)
    )
    assert not (labels.array == 11)[:, 0].any()
    with pytest.raises(SpineError, match="cut off"):
        inpaint(labels, lesion, 11, {}, InpaintSettings("neighbours"))


def test_an_image_that_is_no_ct_is_refused(damaged):
    labels, lesion = damaged
    mr = labels.with_array(labels.array.astype(np.int16) * 100)
    with pytest.raises(SpineError, match="Hounsfield"):
        inpaint(labels, lesion, 11, {}, InpaintSettings("templates"), ct=mr)


def test_wrong_settings_are_refused():
    for values, words in [
        ({"method": "magic"}, "magic"),
        ({"margin_mm": -1}, "margin"),
        ({"steps": 0}, "GAN"),
        ({"colour": 1}, "colour"),
    ]:
        with pytest.raises(SpineError, match=words):
            InpaintSettings.from_dict(values)


def test_cancelling_leaves_nothing(damaged, tmp_path):
    def stop(fraction, text, file=""):
        if fraction > 0.3:
            raise Cancelled

    for name, volume in zip(("vertebrae", "lesion"), damaged):
        write_volume(volume, tmp_path / f"{name}.nrrd")
    out = tmp_path / "out"
    out.mkdir()
    inputs = {name: str(tmp_path / f"{name}.nrrd") for name in ("vertebrae", "lesion")}
    with pytest.raises(Cancelled):
        run_job("inpaint", {"inputs": inputs, "label": 11, "settings": {"method": "templates"}}, out, stop)
    assert not list(out.iterdir())


def test_the_job_writes_masks_and_pictures_of_its_progress(damaged, tmp_path):
    for name, volume in zip(("vertebrae", "lesion"), damaged):
        write_volume(volume, tmp_path / f"{name}.nrrd")
    told = []
    inputs = {name: str(tmp_path / f"{name}.nrrd") for name in ("vertebrae", "lesion")} | {"CT": None}
    answer = run_job(
        "inpaint",
        {"inputs": inputs, "label": 11, "settings": {"method": "templates"}, "model": None, "preview": True},
        tmp_path,
        lambda *args, file="": told.append(file),
    )
    expected = inpaint(*damaged, 11, {}, InpaintSettings("templates"))
    assert np.array_equal(read_volume(tmp_path / answer["repaired"]).array, expected.mask.array)
    assert answer["measures"] == expected.measures
    assert answer["provenance"]["method"] == "templates"
    shown = [name for name in told if name]
    assert shown and all((tmp_path / name).is_file() for name in shown)
    assert read_volume(tmp_path / shown[-1]).array.max() <= 1
    assert np.allclose(read_volume(tmp_path / answer["uncertainty"]).array, expected.uncertainty.array)
