"""The studies of Hille and Steffen, whole, on balls: six networks, folds by patient, masks kept, one page."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from SpineLab.studies.segmentation import BUDGETS, HILLE, STEFFEN, Budget, run_study
from SpineLib.cli.main import main
from SpineLib.errors import SpineError
from Testing.volume.series import write_image_series

_SMALL = {
    "workers": 0,
    "network": {"widths": (8, 12, 16)},
    "preparation": {"slices": 16, "in_plane_spacing": None},
    "optimisation": {"minutes": 0.0, "steps": 6, "warm_up": 0, "precision": "float32", "average": 0.0},
}
TINY = Budget(
    "tiny",
    {"hille": {2: "small-2d", 3: "small-3d"}, "steffen": {2: "necrosis-2d", 3: "necrosis-3d"}},
    {
        2: _SMALL | {"sampling": {"patch": (32, 32), "batch": 4}},
        3: _SMALL
        | {"network": {"widths": (8, 12, 16), "dimensions": 3}, "sampling": {"patch": (16, 32, 32), "batch": 1}},
    },
    folds=2,
)


@pytest.fixture(scope="module")
def hille(ball_cohort, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "hille"
    told: list[str] = []
    page = run_study(HILLE, ball_cohort, out, TINY, processes=1, device="cpu", report=told.append)
    return out, page.read_text(encoding="utf-8"), told


def test_every_patient_is_measured_once_by_a_network_that_did_not_see_it(hille):
    out, _, _ = hille
    for name in HILLE.configurations:
        rows, held = [], []
        for fold in (0, 1):
            facts = json.loads((out / "runs" / name.replace(" ", "-") / f"fold-{fold}" / "training.json").read_text())
            own = json.loads((out / "folds" / name / f"fold-{fold}.json").read_text())["cases"]
            measured = {row["case"] for row in own}
            assert measured == set(facts["cases"]["held_out"]) and not measured & set(facts["cases"]["training"])
            rows, held = rows + own, held + sorted(measured)
        assert sorted(held) == [f"sub-{n:03d}" for n in range(1, 7)]


def test_all_six_networks_have_the_same_folds(hille):
    out, _, _ = hille
    told = [
        [sorted({row["case"] for row in json.loads((out / "folds" / name / f"fold-{f}.json").read_text())["cases"]})
         for f in (0, 1)]
        for name in HILLE.configurations
    ]  # fmt: skip
    assert all(one == told[0] for one in told)


def test_the_masks_of_the_folds_are_kept_and_their_dice_is_the_one_of_the_table(hille, ball_cohort):
    out, _, _ = hille
    name = "2D T1+T2"
    rows = [row for f in (0, 1) for row in json.loads((out / "folds" / name / f"fold-{f}.json").read_text())["cases"]]
    for row in [row for row in rows if row["model"].startswith("hille")]:
        found = np.asarray(nibabel.load(out / "masks" / "2D-T1+T2" / f"{row['case']}.nii.gz").dataobj) > 0
        place = ball_cohort / "derivatives/labels" / row["case"] / "anat" / f"{row['case']}_label-lesion_mask.nii.gz"
        truth = np.asarray(nibabel.load(place).dataobj) > 0
        both = 2 * (found & truth).sum() / max((found.sum() + truth.sum()), 1)
        assert row["dice"] == pytest.approx(both, abs=1e-9)


def test_the_page_has_the_table_with_readers_and_published_numbers_boxes_contours_and_findings(hille):
    _, page, _ = hille
    for text in ("two readers", "77.4 ± 12.4", "over folds", "Sensitivity", "as good as a second reader", "undecided"):
        assert text in page
    assert page.count('class="box"') >= 6 and "Dice" in page and page.count("<figure") >= 5
    assert "tells how they were simulated" in page
    assert "None real: 6 simulated" in page and "sub-006" in page and "do not compare" in page


def test_several_cross_validations_are_evaluated_in_one_call_with_means_over_folds(
    hille, ball_cohort, tmp_path, capsys
):
    out, _, _ = hille
    runs = [["--cross-validation", str(out / "runs" / name)] for name in ("2D-T1", "2D-T2")]
    call = ["evaluate", "segmentation", "--cohort", str(ball_cohort), *runs[0], *runs[1], "-o", str(tmp_path / "out")]
    assert main([*call, "--device", "cpu"]) == 0
    summary = json.loads((tmp_path / "out" / "simulated_figures.json").read_text())["summary"]
    assert [row["model"] for row in summary] == ["2D-T1, 2 folds", "2D-T2, 2 folds"]
    for row, name in zip(summary, ("2D T1", "2D T2")):
        kept = [json.loads((out / "folds" / name / f"fold-{f}.json").read_text())["cases"] for f in (0, 1)]
        means = [np.mean([one["dice"] for one in rows if one["model"].startswith("hille")]) for rows in kept]
        assert row["dice_fold_mean"] == pytest.approx(np.mean(means), abs=1e-9)
    assert capsys.readouterr().out.count("Means of the folds' means") == 2


def test_the_same_call_again_trains_nothing(hille, ball_cohort):
    out, page, _ = hille
    told: list[str] = []
    again = run_study(HILLE, ball_cohort, out, TINY, processes=1, device="cpu", report=told.append)
    assert told == [] and again.read_text(encoding="utf-8") == page


def test_other_settings_another_study_and_other_data_are_refused(hille, ball_cohort, followup_cohort, tmp_path):
    import shutil

    out, _, _ = hille
    with pytest.raises(SpineError, match="other settings"):
        run_study(HILLE, ball_cohort, out, TINY, seed=1, processes=1)
    copy = tmp_path / "cohort"
    shutil.copytree(ball_cohort, copy)
    place = copy / "derivatives/labels/sub-001/anat/sub-001_label-lesion_mask.nii.gz"
    image = nibabel.load(place)
    array = np.asarray(image.dataobj).copy()
    array[array > 0] = 1
    array[20:24, 20:24, 2] = 1
    nibabel.save(nibabel.Nifti1Image(array, image.affine), place)
    with pytest.raises(SpineError, match="other data"):
        run_study(HILLE, copy, out, TINY, processes=1)
    with pytest.raises(SpineError, match="another study"):
        run_study(STEFFEN, followup_cohort, out, TINY, processes=1)


def test_one_patient_under_two_names_would_be_in_two_folds_and_is_refused(ball_cohort, tmp_path):
    import shutil

    copy = tmp_path / "cohort"
    shutil.copytree(ball_cohort, copy)
    for name in ("T1w", "T2w"):
        shutil.copy(copy / f"sub-001/anat/sub-001_{name}.nii.gz", copy / f"sub-002/anat/sub-002_{name}.nii.gz")
    with pytest.raises(SpineError, match="same T1 image: one patient would be in two folds"):
        run_study(HILLE, copy, tmp_path / "out", TINY, processes=1)


def test_one_patient_is_known_again_in_another_format_type_and_axis_order(ball_cohort, tmp_path):
    import shutil

    import SimpleITK as sitk

    copy = tmp_path / "cohort"
    shutil.copytree(ball_cohort, copy)
    rounded = sitk.Round(sitk.ReadImage(str(copy / "sub-001/anat/sub-001_T1w.nii.gz")))
    sitk.WriteImage(rounded, str(copy / "sub-001/anat/sub-001_T1w.nii.gz"))
    (copy / "sub-002/anat/sub-002_T1w.nii.gz").unlink()
    turned = sitk.DICOMOrient(sitk.Cast(rounded, sitk.sitkInt16), "RAS")
    sitk.WriteImage(turned, str(copy / "sub-002/anat/sub-002_T1w.mha"))
    with pytest.raises(SpineError, match="sub-002 and sub-001 have the same T1 image"):
        run_study(HILLE, copy, tmp_path / "out", TINY, processes=1)


@pytest.mark.parametrize("size", [70_000, 200_000])
@pytest.mark.parametrize("place", [10, 66_000, -5])
def test_a_voxel_changed_anywhere_in_a_file_is_other_data(tmp_path, size, place):
    from SpineLab.studies.state import Patient, StudyFolder

    files = {"mask": tmp_path / "mask.nii"}  # not compressed, so that its size stays
    patients = [Patient("sub-001", "real", files)]
    files["mask"].write_bytes(bytes(size))
    StudyFolder(tmp_path / "out", "hille", "small", {}, patients)
    StudyFolder(tmp_path / "out", "hille", "small", {}, patients)
    other = bytearray(size)
    other[place] = 1
    files["mask"].write_bytes(other)
    with pytest.raises(SpineError, match="other data"):
        StudyFolder(tmp_path / "out", "hille", "small", {}, patients)


def test_a_mask_beside_the_learned_one_is_data_too_but_for_studies_begun_before_it_was_looked_at(tmp_path):
    from SpineLab.studies.state import Patient, StudyFolder

    (tmp_path / "mask.nii").write_bytes(b"mask")
    (tmp_path / "vertebrae.nii").write_bytes(b"vertebrae")
    mask, both = (
        {"mask": tmp_path / "mask.nii"},
        {"mask": tmp_path / "mask.nii", "vertebrae": tmp_path / "vertebrae.nii"},
    )

    def begin(out, files):
        StudyFolder(tmp_path / out, "hille", "small", {}, [Patient("sub-001", "real", files)])

    begin("without", mask | {"vertebrae": None})
    with pytest.raises(SpineError, match="other data"):
        begin("without", both)
    begin("before", mask)
    begin("before", both)
    (tmp_path / "vertebrae.nii").write_bytes(b"Vertebrae")
    with pytest.raises(SpineError, match="other data"):
        begin("before", both)
    with pytest.raises(SpineError, match="other data"):
        StudyFolder(tmp_path / "without", "hille", "small", {}, [])


def test_impossible_seeds_and_outputs_are_refused_with_a_sentence(ball_cohort, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    call = ["study", "hille", "--data", str(ball_cohort), "-o", str(tmp_path / "out")]
    assert main([*call, "--seed", "-1"]) == 1 and "--seed has to be 0 or more" in capsys.readouterr().err
    with pytest.raises(SpineError, match="The output is a file; choose a folder"):
        run_study(HILLE, ball_cohort, tmp_path / "file", TINY, processes=1)


def test_a_study_takes_series_of_a_folder_and_tells_one_from_another(tmp_path):
    from SpineLab.studies.state import Patient, StudyFolder
    from SpineLib.volume import Volume

    for number in (3, 4):
        array = np.random.default_rng(number).integers(0, 900, (5, 8, 8))
        write_image_series(tmp_path / str(number), Volume(array), SeriesNumber=number)
        for file in (tmp_path / str(number)).iterdir():
            (tmp_path / "dicom").mkdir(exist_ok=True)
            file.rename(tmp_path / "dicom" / f"{number}-{file.name}")
    StudyFolder(tmp_path / "out", "hille", "small", {}, [Patient("A", "real", {"T1": tmp_path / "dicom#3"})])
    with pytest.raises(SpineError, match="other data"):
        StudyFolder(tmp_path / "out", "hille", "small", {}, [Patient("A", "real", {"T1": tmp_path / "dicom#4"})])


def test_a_fold_without_a_lesion_is_refused():
    from SpineLab.studies.state import stratified

    assert set(stratified({f"p{n}": float(n) for n in range(1, 9)}, 4, 0).values()) == {0, 1, 2, 3}
    with pytest.raises(SpineError, match="no patient with a lesion"):
        stratified({f"p{n}": float(n < 3) for n in range(8)}, 4, 0)
    with pytest.raises(SpineError, match="4 folds need at least 4 patients"):
        stratified({"a": 1.0}, 4, 0)


def test_folds_have_their_share_of_small_and_large_lesions():
    from SpineLab.studies.state import stratified

    volumes = {f"p{n:02d}": float(n + 1) for n in range(40)}
    folds = stratified(volumes, 8, 3)
    sums = [sum(volumes[name] for name, at in folds.items() if at == fold) for fold in range(8)]
    assert all(list(folds.values()).count(fold) == 5 for fold in range(8))
    # Five of each fold, one of every eighth of the ranking: sums differ by less than 35 of 102 on average.
    assert max(sums) - min(sums) < 35


def test_the_papers_budget_has_the_papers_samples():
    from SpineLab.studies.segmentation import _SLICES, _VOLUMES

    assert BUDGETS["paper"].samples
    assert _VOLUMES * 35 == 63_000 and _VOLUMES * 35 * _SLICES == 4_032_000  # Hille, section 2.2
    assert _VOLUMES * 22 == 39_600 and _VOLUMES * 22 * _SLICES == 2_534_400  # Steffen, section 2.2
