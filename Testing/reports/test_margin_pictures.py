"""The margin on the metastasis's surface: colours, views from all sides, histogram; two scans in one another."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from SpineLib.reports import Layer, slice_viewer
from SpineLib.reports.margin import histogram_chart, legend, margin_colours, margin_views, scale_ends
from SpineLib.reports.surface import VIEWS, paint_surface
from SpineLib.volume import Volume

ANTERIOR, LEFT, POSTERIOR, RIGHT = VIEWS


@pytest.fixture(scope="module")
def ball():
    """A ball of 10 mm radius as points (n, 3) LPS mm and triangles (m, 3)."""
    from skimage.measure import marching_cubes

    grid = np.stack(np.meshgrid(*3 * [np.arange(-12, 13)], indexing="ij"))
    points, triangles, _, _ = marching_cubes(10 - np.linalg.norm(grid, axis=0), 0.0)
    return points - 12, triangles


def grey(values):
    return 0.9 * np.repeat(np.asarray(values)[:, None], 3, axis=1)  # never the white of the background


@pytest.mark.parametrize(
    "view, side, wanted",
    [
        (ANTERIOR, 0, [(1, -1)]),
        (POSTERIOR, 0, [(-1, 1)]),
        (LEFT, 1, [(1, -1)]),
        (RIGHT, 1, [(-1, 1)]),
    ],
)
def test_a_painted_side_is_seen_from_where_the_radiologist_expects_it(ball, view, side, wanted):
    """Values are bright towards +x (left) or +y (posterior); which half of the picture is brighter?"""
    points, triangles = ball
    picture = paint_surface(points, triangles, (points[:, side] > 0).astype(float), grey, view, 60).mean(axis=2)
    inside = picture < 255
    ahead = picture[:, 30:][inside[:, 30:]].mean() - picture[:, :30][inside[:, :30]].mean()
    assert np.sign(ahead) == wanted[0][0]


def test_what_lies_behind_is_hidden_and_a_ball_is_round_without_holes(ball):
    points, triangles = ball
    for view, bright in ((ANTERIOR, False), (POSTERIOR, True)):
        picture = paint_surface(points, triangles, (points[:, 1] > 0).astype(float), grey, view, 80, radius_mm=12.0)
        assert (picture[40, 40].mean() > 60) == bright
        shown = (picture < 255).any(axis=2)
        assert shown.sum() == pytest.approx(np.pi * (80 / 2 * 10 / 12) ** 2, rel=0.05)  # antialiased border
        rows, columns = np.nonzero(shown)
        inside = np.hypot(rows - 39.5, columns - 39.5) < 30
        assert inside.sum() == (np.hypot(*np.mgrid[-39.5:40, -39.5:40]) < 30).sum(), "no hole"


def test_the_winding_of_the_triangles_does_not_matter(ball):
    points, triangles = ball
    values = np.ones(len(points))
    first, second = (
        paint_surface(points, corners, values, grey, LEFT, 40).astype(int)
        for corners in (triangles, triangles[:, ::-1])
    )
    assert np.abs(first - second).max() <= 3, "but for which of two samples in a pixel comes last"


def test_no_surface_is_an_empty_picture():
    nothing = np.zeros((0, 3)), np.zeros((0, 3), int), np.zeros(0)
    assert (paint_surface(*nothing, grey, LEFT, 20) == 255).all()


def test_the_sign_of_a_margin_is_seen_at_a_glance_also_without_red_or_green_cones():
    """Lightness and the difference of blue to yellow are what such readers see."""
    below, above, wide = margin_colours(np.array([-0.01, 0.01, 9.0]))
    assert below[0] > 0.8 and below[2] < 0.1
    weights = np.array([0.2126, 0.7152, 0.0722])  # relative luminance, ITU-R BT.709
    assert above @ weights - below @ weights > 0.3
    outside, inside = margin_colours(np.linspace(-12, -0.01, 50)), margin_colours(np.linspace(4, 12, 50))
    assert ((outside[:, 2] - outside[:, :2].max(axis=1)) < 0).all(), "no blue outside"
    assert ((inside[:, 2] - inside[:, :2].max(axis=1)) > 0).all(), "blue where the margin is wide"
    assert wide[2] > wide[0]
    assert np.array_equal(margin_colours(np.array([-50.0])), margin_colours(np.array([-10.0])))


def test_the_scale_reaches_every_margin_that_is_there():
    assert scale_ends(np.array([-1.0, 3.0])) == (-5.0, 10.0)
    assert scale_ends(np.array([-18.4, np.nan, 11.2])) == (-20.0, 15.0)
    assert scale_ends(np.full(3, np.nan)) == (-5.0, 10.0)
    ticks = re.findall(r">(-?\d+) mm<", legend(-20.0, 15.0))
    assert ticks == ["-20", "-15", "-10", "-5", "0", "5", "10", "15"]


def test_views_and_legend_stand_alone(ball):
    points, triangles = ball
    html = margin_views(points, triangles, points[:, 2], size=40)
    root = ElementTree.fromstring(f"<div>{html}</div>")
    assert [one.text for one in root.iter("figcaption")] == [view.name for view in VIEWS]
    assert all(one.get("src").startswith("data:image/png;base64,") for one in root.iter("img"))
    assert "tumour outside the necrosis" in legend()


def test_the_histogram_shows_the_shares_the_marks_and_the_uncertain_band():
    edges, shares = np.arange(-2.0, 4.0), np.array([0.1, 0.0, 0.0, 0.2, 0.7])
    html = histogram_chart(edges, shares, uncertainty_mm=0.8)
    titles = [title.text for title in ElementTree.fromstring(html).iter("title")]
    shown = {int(re.match(r"(\S+) to", text)[1]): float(re.search(r": ([\d.]+) %", text)[1]) for text in titles}
    assert {start: share for start, share in shown.items() if share} == {-2: 10.0, 1: 20.0, 2: 70.0}
    assert list(shown) == list(range(-2, 6)), "the mark at 5 mm lies within the chart"
    assert html.count('class="mark"') == 2
    assert 'class="band"' in html and 'class="band"' not in histogram_chart(edges, shares)


def test_a_viewer_blends_two_scans_and_shows_the_slices_around_the_lesion():
    direction = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
    before = Volume(np.random.default_rng(0).random((12, 20, 24)), (1.5, 1.5, 4.0), direction=direction)
    mask = np.zeros(before.shape, np.uint8)
    mask[5:7, 8:12, 8:12] = 1
    html = slice_viewer(
        {"Before": before, "After": before},
        [Layer("Metastasis", before.with_array(mask), "#f00")],
        blend=True,
        around=2,
        key="a",
    )
    root = ElementTree.fromstring(html)
    frames = [one for one in root.iter("div") if one.get("data-slice")]
    assert [one.get("data-slice") for one in frames] == ["3", "4", "5", "6", "7", "8"]
    assert all(len(list(frame.iter("image"))) == 4 for frame in frames)  # before, after, and one in the other
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(ids) == len(set(ids)) == 12
    sliders = {one.get("class"): one for one in root.iter("input") if one.get("type") == "range"}
    assert (sliders["slice"].get("min"), sliders["slice"].get("max")) == ("3", "8") and "fade" in sliders
