"""Cuts: closed by flat caps, and the vertebral body found by the canal."""

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.geometry.triangles import volume_mm3
from SpineLib.mesh.cut import Plane, body_plane, cut
from SpineLib.mesh.gate import check_model
from SpineLib.mesh.model import ModelSettings, build_model
from Testing.mesh.shapes import box, sphere, vertebra
from Testing.tasks.balls import ball, grid, rotation

TURNED = rotation((12, -20, 25))
CENTRE = (14.0, -90.0, 400.0)


def test_half_a_sphere_is_left_with_a_flat_cap():
    points, triangles = cut(*sphere(8.0, 40), [Plane((0, 0, 0), (1, 2, -1))])
    assert volume_mm3(points, triangles) == pytest.approx(volume_mm3(*sphere(8.0, 40)) / 2, rel=1e-3)
    assert (points @ (1, 2, -1) >= -1e-6).all()
    assert check_model(points, triangles).passed


def test_two_planes_leave_a_slice():
    points, triangles = cut(*box((0, 0, 0), (10, 10, 10)), [Plane((2, 0, 0), (1, 0, 0)), Plane((5, 0, 0), (-3, 0, 0))])
    assert volume_mm3(points, triangles) == pytest.approx(300)


def test_a_cut_that_leaves_nothing_is_refused():
    with pytest.raises(SpineError, match="leaves nothing"):
        cut(*sphere(8.0), [Plane((0, 0, 20), (0, 0, 1))])


@pytest.mark.parametrize(
    ("spacing", "direction"),
    [
        ((1.0, 1.0, 1.0), np.eye(3)),
        ((0.8, 0.8, 3.0), TURNED),
        ((1.0, 1.0, 1.0), rotation((-30, 25, 0))),
        ((1.0, 1.0, 2.0), rotation((40, -20, 0))),
    ],
)
def test_the_bodys_plane_touches_the_canal_and_looks_forward(spacing, direction):
    mask = vertebra(grid(spacing, 42.0, direction, CENTRE))
    plane = body_plane(mask)
    forward = direction @ (0, -1, 0)
    assert np.degrees(np.arccos(np.dot(plane.normal, forward))) < 6
    # The canal's anterior wall lies 13 mm behind the middle of the body, which is 14 mm in front of the grid's.
    canal = np.asarray(CENTRE) + direction @ (0, -14 + 13, 0)
    assert abs(np.dot(canal - plane.point, forward)) < 1.5


def test_the_pedicles_are_cut_behind_the_body_and_the_model_passes_the_gate():
    mask = vertebra(grid((0.9, 0.9, 0.9), 36.0, TURNED, CENTRE))
    body, pedicles = (build_model(mask, ModelSettings(cut=name)) for name in ("body", "pedicles"))
    assert body.report.passed and pedicles.report.passed
    assert 0.4 < body.measures["volume_ml"] / body.measures["whole_ml"] < 0.9
    assert body.measures["volume_ml"] < pedicles.measures["volume_ml"] < pedicles.measures["whole_ml"]


def test_an_arch_with_a_gap_still_shows_its_canal():
    mask = vertebra(grid((1.0, 1.0, 1.0), 36.0))
    middle = mask.shape[2] // 2
    mask.array[:, 40:, middle - 1 : middle + 2] = 0  # the arch is open behind by 3 mm
    assert np.dot(body_plane(mask).normal, (0, -1, 0)) > 0.95


def test_half_an_arch_has_no_canal_and_is_refused_before_its_surface_is_made():
    mask = vertebra(grid((1.0, 1.0, 1.0), 36.0))
    mask.array[:, 36:, mask.shape[2] // 2 :] = 0
    told = []
    with pytest.raises(SpineError, match="give the plane"):
        build_model(mask, ModelSettings(cut="body"), lambda share, text: told.append(text))
    assert told == ["Cleaning the mask"]


def test_without_a_canal_a_plane_has_to_be_given():
    mask = ball(9.0, on=grid((1.0, 1.0, 1.0), 12.0))
    with pytest.raises(SpineError, match="give the plane"):
        body_plane(mask)
    model = build_model(mask, ModelSettings.from_dict({"planes": [[[0, 0, 0], [0, 0, 1]]]}))
    assert model.report.passed
    assert model.measures["volume_ml"] == pytest.approx(model.measures["whole_ml"] / 2, rel=0.02)
