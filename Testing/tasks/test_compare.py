"""The comparison of metastasis and necrosis: known bodies, every grid, and what cannot be compared."""

import itertools
import json

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.errors import Cancelled, SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.tasks.followup.compare import CompareSettings, compare
from SpineLib.tasks.followup.compare_all import compare_all
from SpineLib.tasks.followup.coverage import direction_words
from SpineLib.tasks.followup.margin import margin_histogram, share_below
from SpineLib.tasks.followup.output import comparison_row, write_comparison, write_surface
from SpineLib.volume import Volume, write_volume
from SpineLib.volume.itk import to_sitk
from Testing.tasks.balls import SAGITTAL, ball, box, grid, moved_by, rotation, union
from Testing.tasks.tiny import reordered

FINE = grid((0.7, 0.7, 0.7))
#: Covered is enough, no margin is asked for.
COVERED = CompareSettings(required_margin_mm=0.0)


def figures(comparison):
    without = ("common_ml", "jaccard", "untreated_ml", "necrosis_outside_ml", "unseen_ml", "mean_mm", "surface_mm2")
    left_out = (*without, "necrosis_surface_mm2", "error_mm", "uncertain_share")
    return np.array([value for key, value in comparison.values.items() if key not in left_out])


def test_the_margin_of_concentric_balls_is_the_difference_of_their_radii():
    result = compare(ball(9.0, (0.2, 0.1, -0.3), FINE), ball(14.0, (0.2, 0.1, -0.3), FINE), settings=COVERED)
    values = result.values
    assert values["mean_mm"] == pytest.approx(5.0, abs=0.1)
    for percent in (25, 50, 75):
        assert values[f"percentile_{percent}_mm"] == pytest.approx(5.0, abs=0.1)
    assert values["minimum_mm"] == pytest.approx(5.0, abs=0.35)  # half a voxel: the masks' own raggedness
    assert values["average_symmetric_mm"] == pytest.approx(5.0, abs=0.1)
    assert result.values["covered_share"] == 1 and result.values["untreated_ml"] == 0 and result.coverage.pieces == ()
    assert result.values["dice"] == pytest.approx(2 * 9**3 / (9**3 + 14**3), rel=0.01)
    assert result.verdict.outcome == "complete"


@pytest.mark.parametrize("on", [FINE, grid((0.9, 0.9, 3.3))])
@pytest.mark.parametrize("turned", [False, True])
def test_identical_masks_have_a_margin_of_0_and_are_complete(on, turned):
    mask = ball(9.0, (0.2, 0.1, -0.3), on)
    result = compare(mask, mask, moved_by() if turned else None, COVERED)
    assert result.values["minimum_mm"] == 0 and result.values["hausdorff_mm"] == pytest.approx(0, abs=1e-6)
    assert result.bins[0].share == 0 and result.verdict.outcome == "complete"
    shifted = compare(ball(9.0, (0.2, 0.1, -0.3), on), ball(9.0, (0.9, 0.1, -0.3), on))
    assert shifted.values["minimum_mm"] < 0 and shifted.verdict.outcome == "incomplete", "0.7 mm are told"


def test_balls_side_by_side_have_the_known_margin_on_each_side():
    result = compare(ball(8.0, on=FINE), ball(8.0, (4, 0, 0), FINE))
    values, coverage = result.values, result.coverage
    assert values["minimum_mm"] == pytest.approx(-4, abs=0.25) and result.thinnest.where == "right"
    assert values["hausdorff_mm"] == pytest.approx(4, abs=0.25)
    cap = np.pi * 6**2 * (3 * 8 - 6) / 3  # two caps of height 8 - 4 / 2
    assert values["common_ml"] == pytest.approx(2 * cap / 1000, rel=0.02)
    (piece,) = coverage.pieces
    assert piece.volume_ml == pytest.approx(values["untreated_ml"]) and piece.where == "right"
    assert piece.depth_mm == pytest.approx(4, abs=0.25) and piece.centre_ras_mm[0] > 3
    assert [(one.low_mm, one.high_mm) for one in result.bins] == [(None, 0.0), (0.0, 5.0), (5.0, 10.0), (10.0, None)]
    # A point at cosine c to the shift lies outside where |8 n - shift| > 8: half of the ball and the cap's belt.
    assert result.bins[0].share == pytest.approx((1 + 4 / 16) / 2, abs=0.02)
    assert sum(one.share for one in result.bins) == pytest.approx(1)
    assert result.verdict.outcome == "incomplete"


@pytest.mark.parametrize(
    "where",
    [grid((0.5, 0.5, 4.0), direction=SAGITTAL), grid((1, 1, 1.5), direction=rotation((30, 20, -15)))],
    ids=["thick slices", "oblique"],
)
def test_masks_of_unlike_grids_are_compared_as_the_bodies_they_sample(where):
    expected = compare(ball(10.0, on=FINE), ball(11.0, (4, 2, 0), FINE))
    found = compare(ball(10.0, on=FINE), ball(11.0, (4, 2, 0), where))
    assert found.values["covered_share"] == pytest.approx(expected.values["covered_share"], abs=0.02)
    assert found.values["dice"] == pytest.approx(expected.values["dice"], abs=0.02)
    assert found.values["average_symmetric_mm"] == pytest.approx(expected.values["average_symmetric_mm"], abs=0.2)
    assert found.coverage.error_ml < 0.02 * found.values["metastasis_ml"]


def test_coarse_voxels_with_holes_have_no_more_in_common_with_what_surrounds_them_than_they_are():
    coarse = ball(10.0, on=grid((4.0, 4.0, 4.0)))
    holes = coarse.array.copy()
    holes[1::3, 1::3, 1::3] = 0  # a smooth shape cannot have them, so it is larger than the voxels
    overlap = compare(ball(17.0), coarse.with_array(holes))
    assert overlap.values["common_ml"] == pytest.approx(overlap.values["necrosis_ml"])
    assert overlap.values["necrosis_outside_ml"] == 0
    assert (
        overlap.coverage.error_ml > 0.02 * overlap.values["necrosis_ml"]
    )  # and it says that their shape is not known better


def test_overlap_agrees_with_simpleitk_on_one_grid():
    first = union(ball(9.0, (1, 2, 0)), box((-6, -12, -5), (4, 2, 6)))
    second = union(ball(10.0, (4, 0, 2)), ball(5.0, (-6, -8, 0)))
    values = compare(first, second).values
    itk = sitk.LabelOverlapMeasuresImageFilter()
    itk.Execute(to_sitk(first), to_sitk(second))
    assert values["dice"] == pytest.approx(itk.GetDiceCoefficient(), abs=0.01)  # smooth shapes of the voxels' volume
    assert values["jaccard"] == pytest.approx(itk.GetJaccardCoefficient(), abs=0.015)
    assert values["metastasis_ml"] == pytest.approx(np.count_nonzero(first.array) / 1000)
    assert values["necrosis_ml"] == pytest.approx(np.count_nonzero(second.array) / 1000)
    common = (first.array & second.array).sum() / 1000
    assert values["common_ml"] == pytest.approx(common, rel=0.02)
    assert values["untreated_ml"] + values["common_ml"] == pytest.approx(values["metastasis_ml"])
    assert values["necrosis_outside_ml"] + values["common_ml"] == pytest.approx(values["necrosis_ml"])


def test_the_48_axis_orders_of_both_masks_give_the_same_figures():
    tumour, dead = (
        ball(radius, centre, grid((1.2, 1.0, 2.0), 11.0, rotation((8, -5, 12))))
        for radius, centre in ((5.0, (0, 0, 0)), (6.0, (2, 1, 0)))
    )
    expected = figures(compare(tumour, dead))
    orders = list(itertools.product(itertools.permutations(range(3)), itertools.product((False, True), repeat=3)))
    for first, second in zip(orders, orders[7:] + orders[:7]):
        np.testing.assert_allclose(
            figures(compare(reordered(tumour, *first), reordered(dead, *second))), expected, rtol=1e-3, atol=1e-3
        )


def test_a_transform_does_what_a_moved_mask_does():
    tumour, dead = ball(8.0), union(ball(9.0, (2, 0, 0)), ball(5.0, (8, 3, 0)))
    before_to_after = moved_by(14, -6, 9, (12, -7, 20))
    after = Volume(
        dead.array,
        dead.spacing,
        before_to_after[:3, :3] @ dead.origin + before_to_after[:3, 3],
        before_to_after[:3, :3] @ dead.direction,
    )
    expected, found = compare(tumour, dead), compare(tumour, after, np.linalg.inv(before_to_after), error_mm=0.0)
    np.testing.assert_allclose(figures(found), figures(expected), rtol=2e-3, atol=2e-3)
    assert compare(tumour, after).values["covered_share"] < 0.2


def test_swapped_masks_have_the_same_symmetric_figures_and_the_others_swapped():
    first, second = ball(8.0, on=FINE), ball(10.0, (3, 0, 0), FINE)
    one, other = compare(first, second), compare(second, first)
    assert one.values["dice"] == pytest.approx(other.values["dice"], abs=0.005)
    for name in ("hausdorff_mm", "hausdorff95_mm", "average_symmetric_mm"):
        assert one.values[name] == pytest.approx(other.values[name], abs=1e-4)
    assert one.values["necrosis_outside_ml"] == pytest.approx(other.values["untreated_ml"], abs=0.05)
    assert one.values["covered_share"] > other.values["covered_share"]


def test_the_painted_surface_carries_the_figures():
    result = compare(ball(8.0, on=FINE), ball(9.0, (3, 0, 0), FINE))
    surface = result.surface
    assert surface.points.dtype == surface.margin_mm.dtype == np.float32 and surface.triangles.dtype == np.int32
    assert surface.margin_mm.min() == result.values["minimum_mm"]
    assert share_below(surface, 0.0) == pytest.approx(result.bins[0].share)
    assert surface.area_mm2.sum() == pytest.approx(result.values["surface_mm2"], rel=1e-5)
    edges, shares = margin_histogram(surface, 0.5)
    assert shares.sum() == pytest.approx(1) and edges[0] <= surface.margin_mm.min() < edges[1]
    assert len(edges) == len(shares) + 1 and np.allclose(np.diff(edges), 0.5)
    assert (margin_histogram(surface, 0.5)[1][edges[1:] <= 0]).sum() == pytest.approx(share_below(surface, 0.0))


@pytest.mark.parametrize(
    ("radius", "error", "outcome"),
    [(12.0, 1.0, "complete"), (10.6, 1.5, "not to be told"), (8.5, 0.4, "incomplete"), (8.5, 4.0, "not to be told")],
)
def test_the_registration_error_is_carried_to_the_verdict(radius, error, outcome):
    result = compare(ball(10.0, on=FINE), ball(radius, on=FINE), np.eye(4), COVERED, error_mm=error)
    assert result.verdict.outcome == outcome and result.verdict.reasons and result.verdict.rule
    between = abs(radius - 10.0) <= error
    assert result.values["uncertain_share"] == pytest.approx(1.0 if between else 0.0, abs=0.05)


def test_a_required_margin_and_the_tolerated_share_decide():
    tumour, dead = ball(9.0, on=FINE), ball(12.0, on=FINE)
    assert compare(tumour, dead, settings=COVERED).verdict.outcome == "complete"
    strict = compare(tumour, dead)
    assert strict.verdict.outcome == "covered" and "less than 5 mm" in strict.verdict.reasons[0]
    assert compare(tumour, ball(15.0, on=FINE)).verdict.outcome == "complete"
    lax = CompareSettings(0.0, tolerated_share=0.99, smallest_untreated_ml=100.0)
    assert compare(ball(9.0, on=FINE), ball(9.0, (2, 0, 0), FINE), settings=lax).verdict.outcome == "complete"


@pytest.mark.parametrize(
    ("radius", "error", "outcome", "words"),
    [
        (16.5, 1.0, "complete", "at least 5 mm"),
        (15.2, 1.0, "covered", "error decides whether the margin reaches 5 mm"),
        (12.5, 1.0, "covered", "less than 5 mm of margin by more than the registration error (1.0 mm)"),
        (10.4, 1.0, "not to be told", "may lie outside the necrosis"),
        (8.0, 1.0, "incomplete", "lies outside the necrosis by more than the registration error"),
    ],
)
def test_what_is_covered_without_the_required_margin_is_told_from_what_is_not_covered(radius, error, outcome, words):
    verdict = compare(ball(10.0, on=FINE), ball(radius, on=FINE), np.eye(4), error_mm=error).verdict
    assert verdict.outcome == outcome and words in verdict.reasons[0]
    assert "Covered: the same with 0 mm in place of 5 mm" in verdict.rule


def test_living_tissue_inside_the_necrosis_makes_it_incomplete_though_the_surface_is_covered():
    shell = ball(14.0, on=FINE)
    shell.array[ball(4.0, (1, 0, 0), FINE).array != 0] = 0
    result = compare(ball(10.0, on=FINE), shell)
    assert result.values["minimum_mm"] > 2
    (piece,) = result.coverage.pieces
    # Smoothing takes from a small hole what it gives to the surface around: an eighth of a millimetre here.
    assert piece.volume_ml == pytest.approx(4 / 3 * np.pi * 4**3 / 1000, rel=0.12)
    assert piece.where == "left" and piece.depth_mm == pytest.approx(4, abs=0.7)  # to the nearest voxel of all sides
    assert result.verdict.outcome == "incomplete"


def test_an_untrusted_registration_tells_nothing():
    result = compare(ball(5.0), ball(9.0), np.eye(4), trusted=False)
    assert result.verdict.outcome == "not to be told" and "not to be trusted" in result.verdict.reasons[0]
    assert "error is not known" in " ".join(result.notes)


def test_an_empty_necrosis_leaves_all_untreated_and_no_margin():
    result = compare(ball(8.0), grid())
    assert result.values["covered_share"] == 0 and result.values["untreated_ml"] == result.values["metastasis_ml"]
    assert result.coverage.pieces[0].where == "central" and result.values["minimum_mm"] is None
    assert np.isnan(result.surface.margin_mm).all() and result.bins == ()
    assert result.verdict.outcome == "incomplete" and "no necrosis" in result.verdict.reasons[0]
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["overlap"]["pieces"][0]["depth_mm"] is None
    assert margin_histogram(result.surface)[1].sum() == 0


def test_a_metastasis_outside_the_image_after_is_not_called_untreated():
    small = grid((1, 1, 1), 10.0, centre=(-6, 0, 0))
    for trusted, after, outcome in (
        (True, small, "not to be told"),
        (False, grid(), "not to be told"),
        (True, grid(), "incomplete"),
    ):
        assert compare(ball(8.0), after, np.eye(4), trusted=trusted).verdict.outcome == outcome
    on = grid((1, 1, 1), 30.0)
    [far] = compare_all([ball(5.0, (20, 0, 0), on)], [], grid_after=small).lesions
    assert far.comparison.verdict.outcome == "not to be told" and "not show" in far.comparison.verdict.reasons[0]


def test_masks_that_do_not_meet_are_compared_and_said_so():
    result = compare(ball(4.0, (-12, 0, 0)), ball(4.0, (12, 0, 0)))
    assert result.values["dice"] == 0 and result.values["minimum_mm"] == pytest.approx(-24, abs=0.5)
    assert any("do not overlap" in note for note in result.notes)


def test_a_mask_at_the_edge_of_its_image_is_said_and_what_the_other_image_does_not_show_is_not_judged():
    small = grid((1, 1, 1), 10.0, centre=(-6, 0, 0))
    result = compare(ball(8.0), ball(12.0, on=small))
    assert any("necrosis touches the edge of its image" in note and "left" in note for note in result.notes)
    assert result.values["unseen_ml"] == pytest.approx(result.values["untreated_ml"], rel=0.1)
    assert result.verdict.outcome == "not to be told" and "outside the image" in result.verdict.reasons[0]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("empty", "metastasis is empty"),
        ("4-D", "4-D"),
        ("spacing", "spacing of zero"),
        ("singular", "singular"),
        ("mirror", "mirrors"),
        ("error", "registration error"),
        ("bins", "increase"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(kind, words):
    tumour, dead, matrix, error, settings = ball(5.0), ball(6.0), np.eye(4), None, {}
    if kind == "empty":
        tumour = grid()
    elif kind == "4-D":
        tumour = Volume(tumour.array[None], tumour.spacing, tumour.origin)
    elif kind == "spacing":
        dead = Volume(dead.array, (0.0, 1.0, 1.0))
    elif kind == "singular":
        matrix = np.diag([1.0, 1.0, 0.0, 1.0])
    elif kind == "mirror":
        matrix = np.diag([-1.0, 1.0, 1.0, 1.0])
    elif kind == "error":
        error = float("nan")
    else:
        settings = {"margin_bins_mm": [5, 0]}
    with pytest.raises(SpineError, match=words) as told:
        compare(tumour, dead, matrix, CompareSettings.from_dict(settings), error_mm=error)
    assert str(told.value).endswith(".")


def test_a_cancelled_comparison_ends():
    def progress(fraction, text):
        if fraction > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        compare(ball(5.0), ball(6.0), progress=progress)


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        ((5, 0, 0), "left"),
        ((-5, 5, 5), "right posterior upper"),
        ((0, -5, -4), "anterior lower"),
        ((0.1, 0, 0), "central"),
        ((1, 0, 10), "upper"),
    ],
)
def test_places_are_named_by_the_patients_own_directions(offset, words):
    assert direction_words(offset, 10.0) == words


def test_each_metastasis_is_compared_with_the_necroses_at_it():
    on = grid((1, 1, 1), 30.0)
    tumours = [ball(5.0, (-20, 0, 0), on), ball(5.0, (0, 0, 0), on), ball(4.0, (20, 0, 20), on)]
    places = ((4.0, (-22, 0, 0)), (4.0, (-17, 0, 0)), (3.0, (0, 11, 0)), (2.0, (0, 0, 28)))
    dead = [ball(radius, centre, on) for radius, centre in places]
    result = compare_all(tumours, dead, farthest_mm=5.0)
    assert [lesion.necroses for lesion in result.lesions] == [(0, 1), (2,), ()]
    assert result.stray == (3,) and "left out" in result.notes[0]
    together = compare(tumours[0], union(dead[0], dead[1]))
    np.testing.assert_allclose(figures(result.lesions[0].comparison), figures(together))
    assert result.lesions[2].comparison.verdict.outcome == "incomplete"
    assert result.lesions[2].comparison.values["covered_share"] == 0
    big = compare_all([ball(5.0, (-6, 0, 0), on), ball(5.0, (6, 0, 0), on)], [ball(13.0, on=on)])
    assert [lesion.necroses for lesion in big.lesions] == [(0,), (0,)] and "several metastases" in big.notes[0]
    with pytest.raises(SpineError, match="transform of a metastasis is missing"):
        compare_all(tumours, dead, {0: np.eye(4)})
    with pytest.raises(SpineError, match="no metastasis"):
        compare_all([], dead)


@pytest.mark.parametrize("suffix", [".vtp", ".ply"])
def test_the_surface_is_written_with_its_margin(tmp_path, suffix):
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    surface = compare(ball(5.0), ball(6.0, (1, 0, 0))).surface
    write_surface(surface, tmp_path / f"m{suffix}")
    reader = vtk.vtkXMLPolyDataReader() if suffix == ".vtp" else vtk.vtkPLYReader()
    reader.SetFileName(str(tmp_path / f"m{suffix}"))
    reader.Update()
    np.testing.assert_array_equal(vtk_to_numpy(reader.GetOutput().GetPoints().GetData()), surface.points)
    assert reader.GetOutput().GetNumberOfPolys() == len(surface.triangles)
    if suffix == ".vtp":
        margin = reader.GetOutput().GetPointData().GetArray("margin_mm")
        np.testing.assert_array_equal(vtk_to_numpy(margin), surface.margin_mm)
    else:
        assert b"property float margin_mm" in (tmp_path / "m.ply").read_bytes()
    with pytest.raises(SpineError, match="cannot be written as '.stl'"):
        write_surface(surface, tmp_path / "m.stl")
    assert len(list(tmp_path.iterdir())) == 1


def test_the_job_gives_what_the_function_gives(tmp_path):
    tumour, dead = ball(6.0), ball(6.0, (2, 0, 0))
    for name, mask in (("t", tumour), ("n", dead)):
        write_volume(mask, tmp_path / f"{name}.nrrd")
    inputs = {"metastasis": str(tmp_path / "t.nrrd"), "necrosis": str(tmp_path / "n.nrrd")}
    job = run_job(
        "compare",
        {
            "inputs": inputs,
            "after_to_before_lps": moved_by(x=-1).tolist(),
            "error_mm": 0.5,
            "settings": {"margin_bins_mm": [0, 2, 4]},
        },
        tmp_path,
    )
    expected = compare(tumour, dead, moved_by(x=-1), CompareSettings(margin_bins_mm=(0, 2, 4)), error_mm=0.5)
    assert job["comparison"]["distance"]["bins"] == expected.to_dict()["distance"]["bins"]
    assert (tmp_path / job["surface"]).is_file() and json.dumps(job, allow_nan=False)
    write_comparison(expected, tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["verdict"]["outcome"] == expected.verdict.outcome
    row = comparison_row(expected)
    assert row["share_2_to_4_mm"] == expected.bins[2].share and row["dice"] == expected.values["dice"]
