"""Surfaces of masks and distances between them: known bodies, and other people's filters where definitions meet."""

import itertools
import warnings

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.geometry.shape import shape_of
from SpineLib.metrics.surface import distances_to, summarise, weighted_percentiles
from SpineLib.volume import Volume
from SpineLib.volume.itk import to_sitk
from Testing.tasks.balls import SAGITTAL, ball, box, grid, moved_by, rotation, union
from Testing.tasks.tiny import reordered

GRIDS = {
    "cubes": grid((0.8, 0.8, 0.8)),
    "thick sagittal slices": grid((0.7, 0.7, 3.3), direction=SAGITTAL),
    "oblique": grid((1.0, 0.8, 1.2), direction=rotation((20, -35, 50))),
}


@pytest.mark.parametrize("where", GRIDS)
def test_a_balls_surface_has_its_radius_area_and_volume(where):
    centre, radius = np.array([0.3, -0.2, 0.4]), 12.0
    mask = ball(radius, centre, GRIDS[where])
    surface = shape_of(mask).surface()
    radii = np.linalg.norm(surface.points - centre, axis=1)
    thick = max(mask.spacing)
    assert np.average(radii, weights=surface.areas()) == pytest.approx(radius, abs=0.05 * thick)
    assert np.abs(radii - radius).max() < 0.5 * thick  # no farther than half a voxel, whatever its side
    assert surface.areas().sum() == pytest.approx(4 * np.pi * radius**2, rel=0.03)
    assert surface.volume_ml() == pytest.approx(mask.array.sum() * mask.voxel_volume_ml, rel=0.01)


def test_a_boxs_faces_lie_between_voxels_and_no_voxel_changes_sides():
    mask = box((-8, -6, -5), (8, 6, 5))
    shape = shape_of(mask)
    points = shape.surface().points
    np.testing.assert_allclose(points.max(axis=0), (8, 6, 5), atol=0.2)  # what its edges lose, its faces gain
    inside, outside = np.argwhere(mask.array)[:, ::-1], np.argwhere(mask.array == 0)[:, ::-1]
    to_lps = mask.ijk_to_lps
    assert (shape.at(inside @ to_lps[:3, :3].T + to_lps[:3, 3]) > 0).all()
    assert (shape.at(outside @ to_lps[:3, :3].T + to_lps[:3, 3]) < 0).all()


def test_a_single_voxel_and_a_thin_sheet_keep_a_closed_surface():
    mask = grid()
    mask.array[5, 5, 5] = 1
    mask.array[20, 10:25, 10:30] = 1
    surface = shape_of(mask).surface()
    edges = np.sort(np.concatenate([surface.triangles[:, pair] for pair in ((0, 1), (1, 2), (2, 0))]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all(), "each edge has two triangles"
    voxel = mask.ijk_to_lps[:3, 3] + 5
    assert (np.linalg.norm(surface.points - voxel, axis=1) < 1).any()


def test_the_48_axis_orders_of_a_mask_have_one_surface():
    mask = ball(6.0, (1.0, 2.0, -1.0), grid((1.0, 1.2, 2.5), 10.0, rotation((10, 5, -8))))
    expected = shape_of(mask).surface()
    for axes, flips in itertools.product(itertools.permutations(range(3)), itertools.product((False, True), repeat=3)):
        surface = shape_of(reordered(mask, axes, flips)).surface()
        np.testing.assert_array_equal(surface.triangles, expected.triangles)
        np.testing.assert_allclose(surface.points, expected.points, atol=1e-4)


def test_a_moved_shape_is_the_shape_of_the_moved_mask():
    mask, matrix = ball(7.0, (2, 0, 1)), moved_by(5, -3, 2, (20, 10, -30))
    other = Volume(
        mask.array, mask.spacing, matrix[:3, :3] @ mask.origin + matrix[:3, 3], matrix[:3, :3] @ mask.direction
    )
    moved, drawn = shape_of(mask).moved(matrix).surface(), shape_of(other).surface()
    assert distances_to(moved.points, drawn).max() < 0.02 and distances_to(drawn.points, moved).max() < 0.02


def test_an_empty_mask_has_no_shape():
    assert shape_of(grid()) is None


def test_the_sides_on_which_a_mask_meets_its_images_edge_are_named():
    on = grid((1, 1, 1), 10.0)
    assert shape_of(ball(5.0, on=on)).edges == ()
    assert shape_of(ball(5.0, (8, 0, 0), on)).edges == ("left",)
    assert shape_of(ball(5.0, (0, -8, 9), on)).edges == ("anterior", "upper")
    turned = reordered(ball(5.0, (0, -8, 9), on), (2, 0, 1), (True, True, False))
    assert shape_of(turned).edges == ("anterior", "upper")


def test_distances_go_to_the_triangles_not_to_their_corners():
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

    surface = shape_of(union(ball(9.0, (3, 0, 0)), box((-12, -4, -4), (0, 4, 4)))).surface()
    points, cells, data = vtk.vtkPoints(), vtk.vtkCellArray(), vtk.vtkPolyData()
    points.SetData(numpy_to_vtk(surface.points, deep=True))
    cells.SetData(3, numpy_to_vtkIdTypeArray(surface.triangles.astype(np.int64).ravel(), deep=True))
    data.SetPoints(points)
    data.SetPolys(cells)
    exact = vtk.vtkImplicitPolyDataDistance()
    exact.SetInput(data)
    probes = np.random.default_rng(0).uniform(-18, 18, (500, 3)).astype(np.float32)
    expected = np.abs([exact.EvaluateFunction(*map(float, point)) for point in probes])
    np.testing.assert_allclose(distances_to(probes, surface), expected, atol=0.02)  # a fiftieth of a voxel
    with pytest.raises(ValueError, match="no triangles"):
        distances_to(probes, type(surface)(surface.points[:0], surface.triangles[:0]))


def test_percentiles_are_of_the_area_not_of_the_points():
    values, weights = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 98.0])
    assert weighted_percentiles(values, weights, 50) == pytest.approx(2.99, abs=0.02)
    assert weighted_percentiles(values, weights, [0, 100]).tolist() == [1.0, 3.0]
    even = np.random.default_rng(1).normal(size=4001)
    np.testing.assert_allclose(
        weighted_percentiles(even, np.ones(4001), (5, 50, 95)), np.percentile(even, (5, 50, 95)), atol=0.01
    )


@pytest.mark.parametrize("spacing", [(0.8, 0.8, 0.8), (0.7, 0.7, 1.4)])
def test_hausdorff_and_mean_distance_agree_with_simpleitk_and_monai(spacing):
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    on = grid(spacing, 17.0)
    first, second = ball(9.0, (1, 0, 0), on), union(ball(12.0, on=on), ball(5.0, (0, 10, 4), on))
    one, other = shape_of(first).surface(), shape_of(second).surface()
    found = summarise(distances_to(one.points, other), one.areas(), distances_to(other.points, one), other.areas())
    # They measure between centres of voxels at the border, which lie off the surface by up to half a voxel.
    step = max(spacing)
    itk = sitk.HausdorffDistanceImageFilter()
    itk.Execute(to_sitk(first), to_sitk(second))
    assert found.hausdorff == pytest.approx(itk.GetHausdorffDistance(), abs=0.5 * step)
    import torch

    masks = [torch.from_numpy(mask.array)[None, None] for mask in (first, second)]
    how = {"include_background": True, "spacing": spacing[::-1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found.hausdorff == pytest.approx(float(compute_hausdorff_distance(*masks, **how)), abs=0.5 * step)
        assert found.hausdorff95 == pytest.approx(
            float(compute_hausdorff_distance(*masks, percentile=95, **how)), abs=0.5 * step
        )
        assert found.average_symmetric == pytest.approx(
            float(compute_average_surface_distance(*masks, symmetric=True, **how)), abs=0.25 * step
        )
