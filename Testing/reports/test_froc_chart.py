"""The picture of FROC curves."""

from xml.etree import ElementTree

from SpineLab.reports.froc_chart import Curve, Point, froc_chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*arguments, **settings):
    root = ElementTree.fromstring(froc_chart("Detection, simulated data", *arguments, **settings))
    lines = [
        [tuple(map(float, one.split(","))) for one in line.get("points").split()]
        for line in root.iter(f"{SVG}polyline")
    ]
    rings = [
        (float(one.get("cx")), float(one.get("cy")))
        for one in root.iter(f"{SVG}circle")
        if one.get("class") == "published"
    ]
    return lines, rings, " ".join(root.itertext())


def test_a_curve_is_steps_from_nothing_to_the_limit():
    (line,), _, _ = drawn([Curve("own", [0.25, 0.0, 0.5], [0.8, 0.4, 1.0])])
    left, right, bottom, top = line[0][0], line[-1][0], line[0][1], line[-1][1]
    assert [round((x - left) / (right - left), 2) for x, _ in line] == [0, 0, 0, 0.5, 0.5, 1, 1, 1]
    assert [round((bottom - y) / (bottom - top), 2) for _, y in line] == [0, 0, 0.4, 0.4, 0.8, 0.8, 1, 1]


def test_a_published_point_lies_where_a_curve_through_it_would():
    (line,), rings, text = drawn([Curve("own", [0.375], [0.9])], [Point("Paper <1>", 0.375, 0.9, 0)])
    assert rings[0] in line and "Paper <1>" in text and "simulated" in text


def test_what_lies_beyond_the_limit_is_not_drawn():
    (line,), rings, _ = drawn([Curve("own", [0.1, 3.0], [0.5, 1.0])], [Point("far", 2.0, 1.0)], limit=1.0)
    assert not rings and line[-1][1] == line[2][1]


def test_the_axis_ends_where_the_curves_do():
    lines, _, text = drawn([Curve("a", [0.02, 0.12, 3.9], [0.5, 0.9, 0.9]), Curve("b", [0.05], [0.8])], limit=4.0)
    assert "0.2" in text.split() and "4" not in text.split() and "1.6" not in text
    left, right = lines[0][0][0], lines[0][-1][0]
    assert round((lines[0][3][0] - left) / (right - left), 2) == round(0.12 / 0.2, 2)
