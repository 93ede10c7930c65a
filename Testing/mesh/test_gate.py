"""The print gate: each fault that a slicing software complains about is found, named and located."""

import json

import numpy as np
import pytest

from SpineLib.geometry.triangles import volume_mm3
from SpineLib.mesh.gate import PrintLimits, check_model
from Testing.mesh.shapes import box, sphere, together

CUBE = box((0, 0, 0), (10, 10, 10))


def failed(points, triangles, **limits) -> set[str]:
    return {check.name for check in check_model(points, triangles, PrintLimits(**limits)).checks if not check.passed}


def test_a_cube_passes_every_check():
    report = check_model(*CUBE)
    assert report.passed and not report.bad_triangles.any() and report.reasons == []
    values = {check.name: check.value for check in report.checks}
    assert values["bodies"] == 1 and values["volume"] == pytest.approx(1.0)
    assert values["smallest wall"] == pytest.approx(10.0)
    assert np.allclose(report.thickness_mm, 10)


def test_the_report_is_plain_json():
    report = json.loads(json.dumps(check_model(*CUBE).to_dict(), allow_nan=False))
    assert report["passed"] and {"name", "passed", "value", "limit", "text"} == set(report["checks"][0])


def test_a_missing_triangle_is_a_hole():
    points, triangles = CUBE
    report = check_model(points, triangles[1:])
    assert "watertight" in failed(points, triangles[1:])
    check = next(check for check in report.checks if check.name == "watertight")
    assert check.value == 3 and "3 open edges" in check.text
    assert 0 < report.bad_triangles.sum() <= 3  # the neighbours around the hole


def test_a_turned_triangle_is_found():
    points, triangles = CUBE
    triangles = triangles.copy()
    triangles[5] = triangles[5, ::-1]
    report = check_model(points, triangles)
    assert "winding" in failed(points, triangles) and report.bad_triangles[5]


def test_a_model_turned_inside_out_is_found():
    points, triangles = CUBE
    assert failed(points, triangles[:, ::-1]) == {"volume"} | failed(points, triangles[:, ::-1]) & {"smallest wall"}


@pytest.mark.parametrize("corner", [(10, 10, 0), (10, 10, 10)], ids=["edge", "corner"])
def test_cubes_that_touch_by_an_edge_or_a_corner_are_no_manifold(corner):
    other = box(corner, np.add(corner, 10))
    assert "manifold" in failed(*together(CUBE, other), bodies=2)


def test_cubes_with_a_gap_are_two_bodies():
    both = together(CUBE, box((11, 0, 0), (21, 10, 10)))
    assert failed(*both) == {"bodies"}
    assert failed(*both, bodies=2) == set() and failed(*both, bodies=None) == set()


def test_a_cavity_is_no_body_and_one_body_within_another_is_refused():
    inner = box((3, 3, 3), (7, 7, 7))
    assert failed(*together(CUBE, (inner[0], inner[1][:, ::-1]))) == set()
    assert "volume" in failed(*together(CUBE, inner), bodies=2)


def test_a_second_skin_around_a_body_in_a_cavity_is_allowed():
    cavity, inner = box((1, 1, 1), (9, 9, 9)), box((3, 3, 3), (7, 7, 7))
    nested = together(CUBE, (cavity[0], cavity[1][:, ::-1]), inner)
    assert failed(*nested, bodies=2) == set()


def test_bodies_that_pass_through_each_other_are_found_and_located():
    ball = sphere(4.0, centre=(10, 5, 5))
    points, triangles = together(CUBE, ball)
    report = check_model(points, triangles, PrintLimits(bodies=2))
    assert "self-intersection" in failed(points, triangles, bodies=2)
    middles = points[triangles[report.bad_triangles]].mean(axis=1)
    touching = np.abs(np.linalg.norm(points[triangles] - (10, 5, 5), axis=2) - 4).min(axis=1) < 8
    assert len(middles) and touching[report.bad_triangles].all()


def test_a_surface_pushed_through_itself_is_found():
    points, triangles = sphere(5.0)
    points = points.copy()
    points[0] = (0, 0, -7.0)  # the north pole, pulled out through the south
    assert "self-intersection" in failed(points, triangles)


def test_a_triangle_without_area_is_found():
    points, triangles = CUBE
    points = np.vstack([points, points[triangles[0, :2]].mean(axis=0)])  # in the middle of an edge
    a, b, c = triangles[0]
    new = [[a, 8, c], [8, b, c], [a, b, 8]]
    assert "degenerate" in failed(points, np.vstack([triangles[1:], new]).astype(np.int32))


def test_the_build_volume_may_be_filled_in_any_turn_by_90_degrees():
    rod = box((0, 0, 0), (100, 20, 240))
    assert failed(*rod) == set()
    assert failed(*rod, build_volume_mm=(200, 200, 200)) == {"build volume"}


@pytest.mark.parametrize(("thick", "fails"), [(0.5, True), (0.75, True), (0.85, False)])
def test_a_plate_thinner_than_the_wall_is_refused(thick, fails):
    assert failed(*box((0, 0, 0), (20, 20, thick))) == ({"smallest wall"} if fails else set())


def test_the_thin_triangles_are_marked_and_the_thick_ones_are_not():
    import manifold3d

    from SpineLib.mesh.solid import from_solid

    solid = manifold3d.Manifold.cube((10, 10, 10)) + manifold3d.Manifold.cube((20, 8, 0.4)).translate((5, 1, 4))
    points, triangles = from_solid(solid.refine_to_length(1.0))
    report = check_model(points, triangles)
    middle = points[triangles].mean(axis=1)
    assert [check.name for check in report.checks if not check.passed] == ["smallest wall"]
    assert (middle[report.bad_triangles, 0] > 10).all()
    flat = (middle[:, 0] > 12) & (middle[:, 0] < 23) & (np.abs(middle[:, 1] - 5) < 3)
    assert report.bad_triangles[flat].all()
    assert report.checks[-2].value == pytest.approx(0.4, abs=0.01)


def test_a_rod_thinner_than_the_wall_is_refused_though_a_ray_along_it_is_long():
    assert "smallest wall" in failed(*box((0, 0, 0), (0.5, 0.5, 30)))


def wedge(degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """A prism of 20 mm whose section is a triangle of 15 mm depth with that angle between two equal sides."""
    half = 15 * np.tan(np.radians(degrees / 2))
    points = np.array([[x, y, z] for z in (0, 20) for x, y in ((0, 0), (15, -half), (15, half))], float)
    triangles = [(0, 2, 1), (3, 4, 5), (0, 1, 4), (0, 4, 3), (1, 2, 5), (1, 5, 4), (2, 0, 3), (2, 3, 5)]
    return points, np.array(triangles, np.int32)


def test_the_edge_in_which_a_thick_part_ends_is_no_thin_wall_but_a_blade_is():
    assert failed(*wedge(60)) == set()
    assert failed(*wedge(45)) == set()
    assert failed(*wedge(8)) == {"smallest wall"}


def test_thickness_of_a_sphere_is_its_diameter():
    report = check_model(*sphere(6.0, 32))
    assert report.passed
    assert np.median(report.thickness_mm) == pytest.approx(12.0, abs=0.1)  # facets lie a little inside


def test_an_empty_model_is_refused():
    report = check_model(np.zeros((0, 3)), np.zeros((0, 3), int))
    assert not report.passed and "empty" in report.reasons[0]


def test_the_shapes_of_these_tests_are_turned_outwards():
    assert volume_mm3(*CUBE) == pytest.approx(1000)
    assert volume_mm3(*sphere(5.0, 60)) == pytest.approx(4 / 3 * np.pi * 125, rel=0.005)
