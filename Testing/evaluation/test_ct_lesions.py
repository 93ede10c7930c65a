"""The evaluation on a cohort where the right answer is known, and what the command writes."""

import json

import numpy as np
import pytest

from SpineLab.evaluation.ct_lesions import evaluate_ct_lesions
from SpineLab.reports.ct_lesions import figures, markdown
from SpineLib.cli.main import main
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.models import load_bundle
from SpineLib.volume import write_volume
from Testing.tasks.tiny_ct_lesions import (
    ANCHOR,
    BLOCK,
    ct_with_blocks,
    save_bright_block_detector,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two cases: a bright block that is a lesion; and one that is, beside one that is none and lies in no vertebra."""
    folder = tmp_path_factory.mktemp("evaluation")
    for number, blocks in enumerate(([(4, 72, 72)], [(4, 88, 56), (4, 88, 136)]), 1):
        name, ct = f"sub-{number:03d}", ct_with_blocks(*blocks)
        labels = folder / "derivatives" / "labels" / name
        (folder / name / "ct").mkdir(parents=True)
        (labels / "ct").mkdir(parents=True)
        write_volume(ct, folder / name / "ct" / f"{name}_ct.nii.gz")
        k, j, i = blocks[0]
        lesion = np.zeros(ct.shape, np.uint8)
        margin = (ANCHOR - BLOCK) // 2  # the detector's boxes are larger than the blocks, and so is the truth
        lesion[k : k + 3, j - margin : j + BLOCK + margin, i - margin : i + BLOCK + margin] = 1
        for suffix, array in (
            ("label-vertebrae_dseg", lesion * 20),
            ("label-intact_dseg", lesion * 20),
            ("label-lesion_mask", lesion),
        ):
            write_volume(ct.with_array(array), labels / "ct" / f"{name}_{suffix}.nii.gz")
        (labels / f"{name}_truth.json").write_text("{}")
    return folder, save_bright_block_detector(folder / "bright-blocks-ct")


@pytest.fixture(scope="module")
def evaluation(made):
    from SpineLib.tasks.ct.lesions import CtLesionSettings

    folder, bundle = made
    return evaluate_ct_lesions(
        read_ct_cohort(folder), load_bundle(bundle.folder), CtLesionSettings(device="cpu", precision="float32")
    )


def test_both_lesions_are_found_and_the_block_that_is_none_is_the_only_false_positive(evaluation):
    told = figures(evaluation)
    assert told["lesions"]["recall"] == 1 and told["lesions"]["truths"] == 2
    assert told["lesions"]["false_positives_a_case"] == 0.5
    assert told["lesions_in_vertebrae"]["false_positives_a_case"] == 0
    assert told["lesions_in_vertebrae"]["average_precision"] == 1


def test_by_slices_the_false_block_counts_in_each_slice_that_shows_it(evaluation):
    told = figures(evaluation)
    # Six slices with a lesion, three of which show the false block as well.
    assert told["slices_with_lesion"]["truths"] == 6 and told["slices_with_lesion"]["recall"] == 1
    assert told["slices_with_lesion"]["precision"] == pytest.approx(6 / 9, abs=1e-4)
    assert told["all_slices"]["truths"] == 6 and told["slices"] == 20


def test_a_lesions_key_slice_is_the_one_that_shows_most_of_it(evaluation):
    from SpineLab.evaluation.ct_lesions import _keys

    assert _keys(
        np.array(
            [
                [3, 0, 0, 9, 9, 1],
                [4, 0, 0, 12, 9, 1],
                [5, 0, 0, 10, 10, 1],
                [4, 50, 50, 60, 60, 2],
                [6, 50, 50, 61, 60, 2],
            ]
        )
    ).tolist() == [4, 6]
    assert len(_keys(np.zeros((0, 6)))) == 0
    assert figures(evaluation)["key_slices"]["truths"] == 2


def test_around_the_vertebrae_only_the_block_beyond_them_is_not_seen(made):
    from SpineLib.tasks.ct.lesions import CtLesionSettings

    folder, bundle = made
    told = figures(
        evaluate_ct_lesions(
            read_ct_cohort(folder),
            load_bundle(bundle.folder),
            CtLesionSettings(device="cpu", precision="float32"),
            around_vertebrae=True,
        )
    )
    assert told["lesions"]["recall"] == 1 and told["lesions"]["false_positives_a_case"] == 0
    assert "looked for around the true vertebrae" in markdown(told)


def test_the_diameters_of_a_square_are_compared_with_its_own(evaluation):
    truth = evaluation.cases[0].recist[0, 2:]
    assert truth[0] == pytest.approx(ANCHOR * 2**0.5, abs=1.5) and truth[1] == pytest.approx(ANCHOR * 2**0.5, abs=2.5)


def test_the_table_says_simulated_and_stands_beside_the_paper(evaluation):
    text = markdown(figures(evaluation))
    assert "**simulated data**: 2 cases, 20 axial slices, 2 lesions" in text
    assert "0.7688" in text and "60.33" in text and "282 of DeepLesion" in text


def test_the_command_writes_tables_and_counts_healthy_scans(made, tmp_path, capsys):
    folder, bundle = made
    write_volume(ct_with_blocks((4, 72, 72)), tmp_path / "healthy.nii.gz")
    assert (
        main(
            [
                "evaluate",
                "ct-lesions",
                "--cohort",
                str(folder),
                "--model",
                str(bundle.folder),
                "--cases",
                "1",
                "--device",
                "cpu",
                "--healthy",
                str(tmp_path / "healthy.nii.gz"),
                "-o",
                str(tmp_path / "out"),
            ]
        )
        == 0
    )
    told = json.loads((tmp_path / "out" / "ct-lesions.json").read_text())
    assert told["cases"] == 1 and len(told["healthy"]["1, healthy.nii.gz"]) == 1
    assert (tmp_path / "out" / "ct-lesions.csv").read_text().startswith("counted,score")
    assert "everything found is false" in capsys.readouterr().out


def test_a_model_of_mr_is_refused(made, tmp_path, capsys):
    from Testing.tasks.tiny_detector import save_detector

    folder, _ = made
    other = save_detector(tmp_path / "mr")
    assert (
        main(
            [
                "evaluate",
                "ct-lesions",
                "--cohort",
                str(folder),
                "--model",
                str(other.folder),
                "-o",
                str(tmp_path / "out"),
            ]
        )
        == 1
    )
    assert "does not find lesions on CT" in capsys.readouterr().err
