"""A vertebra's slices lie across its own axis, hold all of it, and keep its border's place within a pixel."""

import numpy as np
import pytest

from SpineLib.geometry.signed_distance import signed_distance
from SpineLib.preprocess.vertebra_frame import VertebraFrame
from SpineLib.preprocess.vertebra_slices import PIXEL_MM, border_distance, slice_grid, slice_images, vertebra_slices
from SpineLib.volume.volume import Volume

CENTRE = np.array([10.0, -20.0, 300.0])


def turned(degrees: float) -> np.ndarray:
    """Axes (rows u, v, w) turned about the patient's left-right axis: the vertebra nods."""
    a = np.radians(degrees)
    return np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])


def cylinder(frame: VertebraFrame, radius: float, height: float, spacing=(0.8, 0.8, 1.5)) -> Volume:
    """Of the frame's axis and centre, on a grid along the patient's axes."""
    shape = (60, 100, 100)
    corner = CENTRE - (np.array(shape[::-1]) - 1) / 2 * spacing
    grid = Volume(np.zeros(shape, np.uint8), spacing, tuple(corner))
    ijk = np.indices(shape).reshape(3, -1)[::-1].T
    local = frame.to_local(ijk @ grid.ijk_to_lps[:3, :3].T + grid.ijk_to_lps[:3, 3])
    inside = (np.hypot(local[:, 0], local[:, 1]) < radius) & (abs(local[:, 2]) < height / 2)
    return grid.with_array(inside.reshape(shape).astype(np.uint8))


@pytest.mark.parametrize("degrees", [0.0, 25.0])
def test_slices_of_a_cylinder_are_discs_however_it_nods(degrees):
    frame = VertebraFrame(CENTRE, turned(degrees))
    images, grid = vertebra_slices(cylinder(frame, 18.0, 26.0), frame)
    areas = images.sum(axis=(1, 2)) * PIXEL_MM**2
    middle = areas[len(areas) // 2 - 8 : len(areas) // 2 + 8]
    assert middle == pytest.approx(np.pi * 18**2, rel=0.03)
    # The height, to a voxel's; and nothing of it beyond the grid.
    assert (areas > 0.5 * np.pi * 18**2).sum() * grid.spacing[2] == pytest.approx(26, abs=2)
    assert areas[0] == areas[-1] == 0


def test_rows_of_an_image_go_backwards_and_columns_to_the_left():
    frame = VertebraFrame(CENTRE, turned(0.0))
    mask = cylinder(frame, 18.0, 26.0)
    ball = cylinder(VertebraFrame(CENTRE + [20.0, 0, 0], turned(0.0)), 5.0, 26.0)
    images, _ = vertebra_slices(mask.with_array(mask.array | ball.array), frame)
    image = images[len(images) // 2]
    columns = np.flatnonzero(image.max(axis=0) > 0.5)
    assert columns[-1] - 31.5 > 1.3 * (31.5 - columns[0])
    rows = np.flatnonzero(image.max(axis=1) > 0.5)
    assert (rows[0] + rows[-1]) / 2 < 31.5  # the centre of mass lies before the middle: room for the spinous process


def test_the_grid_holds_the_mask_and_its_margin():
    frame = VertebraFrame(CENTRE, turned(25.0))
    mask = cylinder(frame, 18.0, 26.0)
    low, wide = slice_grid(frame, mask, margin_mm=0.0), slice_grid(frame, mask, slice_mm=2.0, margin_mm=10.0)
    assert low.shape[1:] == wide.shape[1:] == (64, 64)
    assert len(low.array) == pytest.approx(26, abs=3) and len(wide.array) * 2 == pytest.approx(46, abs=5)
    with pytest.raises(ValueError, match="empty"):
        slice_grid(frame, mask.with_array(mask.array * 0))


def test_the_border_comes_back_to_half_a_voxel_of_the_mask():
    frame = VertebraFrame(CENTRE, turned(0.0))
    mask = cylinder(frame, 18.0, 26.0, spacing=(0.5, 0.5, 1.5))
    distance = signed_distance(mask)
    grid = slice_grid(frame, mask)
    images = slice_images(distance, grid)
    middle = images[len(images) // 2]
    places = np.argwhere((middle > 0.02) & (middle < 0.98))
    matrix = grid.ijk_to_lps
    points = np.c_[places[:, ::-1], np.full(len(places), len(images) // 2)] @ matrix[:3, :3].T + matrix[:3, 3]
    wanted = np.hypot(*(frame.to_local(points)[:, :2].T)) - 18.0
    error = border_distance(middle[tuple(places.T)]) - wanted
    assert np.sqrt(np.mean(error**2)) < 0.25
