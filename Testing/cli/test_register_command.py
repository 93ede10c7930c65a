"""``spine register`` and ``spine evaluate registration`` from start to end."""

import json

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.tasks.registration.record import read_registration
from SpineLib.volume import read_volume, write_volume
from SpineLib.volume.transform import read_transform
from Testing.layers import write_layers
from Testing.tasks.moving import error_mm, host_points, lesion, moved, movement, patient

MOVEMENT = movement()


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Before, after, a labelmap of two lesions, and pairs of points."""
    folder = tmp_path_factory.mktemp("scans")
    before, mask = patient().images["T1"], lesion()
    write_volume(before, folder / "before.nrrd")
    write_volume(moved(before, MOVEMENT), folder / "after.nrrd")
    labels = mask.array * 3
    labels[1, :5, :5] = 1
    write_volume(mask.with_array(labels.astype(np.uint8)), folder / "labels.nrrd")
    points = host_points()[:: len(host_points()) // 5]
    after = points @ MOVEMENT[:3, :3].T + MOVEMENT[:3, 3]
    np.savetxt(folder / "points.csv", np.c_[points, after], delimiter=",", header="l,p,s,l,p,s")
    return folder


def command(scans, *more, region=("--region", "labels.nrrd", "--lesion", "3")):
    place = [str(scans / word) if word.endswith(".nrrd") else word for word in region]
    return ["register", "--before", str(scans / "before.nrrd"), "--after", str(scans / "after.nrrd"), *place, *more]


def test_a_registration_is_written_and_told(scans, tmp_path, capsys):
    more = [
        "--points",
        str(scans / "points.csv"),
        "--around",
        "12",
        "--one-layer",
        "-o",
        str(tmp_path / "t.tfm"),
        "--json",
        str(tmp_path / "q.json"),
        "--resampled",
        str(tmp_path / "r.nrrd"),
    ]
    assert main(command(scans, *more)) == 0
    told = capsys.readouterr().out
    assert "points fit each other to 0.0 mm" in told and "to be trusted" in told and "estimated error" in told
    matrix = read_transform(tmp_path / "t.tfm")
    assert error_mm(matrix, MOVEMENT, host_points()) < 0.4
    written = json.loads((tmp_path / "q.json").read_text())
    np.testing.assert_allclose(written["after_to_before_lps"], matrix, atol=1e-8)
    assert written["quality"]["trusted"] is True and written["provenance"]["task"] == "register"
    kept = read_registration(tmp_path / "t.tfm")
    assert kept.error_mm == written["quality"]["error_mm"] > 0 and kept.trusted, "the error lies beside the transform"
    resampled, before = read_volume(tmp_path / "r.nrrd"), read_volume(scans / "before.nrrd")
    assert resampled.same_grid(before)

    old = (tmp_path / "t.tfm").read_bytes()
    assert main(command(scans, *more)) == 1
    assert "--overwrite" in capsys.readouterr().err and (tmp_path / "t.tfm").read_bytes() == old


def test_sidecars_beside_the_scans_are_used_unless_they_are_to_be_left_aside(scans, tmp_path, capsys):
    for name in ("before", "after"):
        write_volume(read_volume(scans / f"{name}.nrrd"), tmp_path / f"{name}.nrrd")
        (tmp_path / f"{name}.json").write_text(
            json.dumps(
                {"PixelBandwidth": 200, "MagneticFieldStrength": 1.5, "InPlanePhaseEncodingDirectionDICOM": "COL"}
            )
        )
    arguments = [
        "register",
        "--before",
        str(tmp_path / "before.nrrd"),
        "--after",
        str(tmp_path / "after.nrrd"),
        "--region",
        str(scans / "labels.nrrd"),
        "--lesion",
        "3",
        "--points",
        str(scans / "points.csv"),
        "--around",
        "12",
        "-o",
        str(tmp_path / "t.tfm"),
    ]
    assert main(arguments) == 0
    assert "Fat is displaced by 1.2 mm before and 1.2 mm after, as the headers tell" in capsys.readouterr().out
    assert main([*arguments, "--overwrite", "--no-headers"]) == 0
    assert "left aside and fitted freely" in capsys.readouterr().out


@pytest.mark.parametrize(
    "region, more, words",
    [
        (("--region", "labels.nrrd"), [], "several lesions (1, 3)"),
        (("--region", "labels.nrrd", "--lesion", "7"), [], "no lesion 7"),
        ((), [], "either --region"),
        (("--region", "labels.nrrd", "--box", "0", "0", "0", "9", "9", "9"), [], "either --region"),
        (("--lesion", "1", "--box", "0", "0", "0", "9", "9", "9"), [], "give that too"),
        (("--box", "9999", "0", "0", "9", "9", "9"), [], "outside the scan before"),
        (("--region", "labels.nrrd", "--lesion", "3"), ["--around", "900"], "between 3 and 60"),
        (("--region", "labels.nrrd", "--lesion", "3"), ["--points", "none.csv"], "cannot be read"),
    ],
)
def test_mistakes_get_one_sentence_and_write_nothing(scans, tmp_path, capsys, region, more, words):
    assert main(command(scans, *more, "-o", str(tmp_path / "t.tfm"), region=region)) == 1
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_outputs_of_no_known_kind_are_refused(scans, tmp_path, capsys):
    assert main(command(scans, "-o", str(tmp_path / "t.png"))) == 1
    assert "cannot be written as '.png'" in capsys.readouterr().err
    assert main(command(scans, "-o", str(tmp_path / "t.tfm"), "--resampled", str(tmp_path / "r.png"))) == 1
    assert "cannot be written as '.png'" in capsys.readouterr().err


def test_a_segment_of_several_that_overlap_is_the_region(scans, tmp_path, capsys):
    """The segment, whatever its layer; a labelmap of nearly whole numbers is one too."""
    labels = read_volume(scans / "labels.nrrd")
    masks = {"metastasis": labels.array == 3, "oedema": labels.array > 0}
    write_layers(tmp_path / "both.seg.nrrd", labels, masks)
    write_volume(labels.with_array((labels.array * 0.9999999).astype(np.float32)), tmp_path / "nearly.nrrd")
    place = ["register", "--before", str(scans / "before.nrrd"), "--after", str(scans / "after.nrrd")]
    how = ["--points", str(scans / "points.csv"), "--around", "12", "--one-layer"]
    assert main([*place, *how, "--region", str(tmp_path / "both.seg.nrrd"), "-o", str(tmp_path / "a.tfm")]) == 1
    assert "several lesions (metastasis, oedema)" in capsys.readouterr().err
    output = tmp_path / "t.tfm"
    chosen = ["--region", str(tmp_path / "both.seg.nrrd"), "--lesion", "Metastasis"]
    assert main([*place, *how, *chosen, "-o", str(output)]) == 0
    assert error_mm(read_transform(output), MOVEMENT, host_points()) < 0.4
    assert (
        main([*place, "--region", str(tmp_path / "nearly.nrrd"), "--lesion", "7", "-o", str(tmp_path / "n.tfm")]) == 1
    )
    assert "no lesion 7; there are: 1, 3." in capsys.readouterr().err


def test_points_in_another_order_are_blamed_before_any_image_is_read(scans, tmp_path, capsys):
    pairs = np.loadtxt(scans / "points.csv", delimiter=",")
    np.savetxt(tmp_path / "shuffled.csv", np.c_[pairs[:, :3], np.roll(pairs[:, 3:], 1, axis=0)], delimiter=",")
    assert main(command(scans, "--points", str(tmp_path / "shuffled.csv"), "-o", str(tmp_path / "t.tfm"))) == 1
    assert "pairs of points do not fit each other" in capsys.readouterr().err and not (tmp_path / "t.tfm").exists()
    assert main(command(scans, "--points", *[str(scans / "points.csv")] * 3, "-o", str(tmp_path / "t.tfm"))) == 1
    assert "one file or two" in capsys.readouterr().err


def test_a_cohort_of_pairs_is_evaluated(scans, tmp_path, capsys):
    cohort, name = tmp_path / "cohort", "sub-001"
    derived = cohort / "derivatives" / "labels" / name
    for session, image, file in (("before", "T1w", "before"), ("after", "ce-gd_T1w", "after")):
        folder = cohort / name / f"ses-{session}" / "anat"
        folder.mkdir(parents=True)
        write_volume(read_volume(scans / f"{file}.nrrd"), folder / f"{name}_ses-{session}_{image}.nii.gz")
    labels = derived / "ses-before" / "anat"
    labels.mkdir(parents=True)
    write_volume(read_volume(scans / "labels.nrrd"), labels / f"{name}_ses-before_label-lesion_mask.nii.gz")
    write_volume(patient().vertebrae, labels / f"{name}_ses-before_label-vertebrae_dseg.nii.gz")
    truth = {"treated": {"level": "L5", "lesion": 3}, "after_to_before_lps": {"L5": np.linalg.inv(MOVEMENT).tolist()}}
    (derived / f"{name}_truth.json").write_text(json.dumps(truth))

    arguments = [
        "evaluate",
        "registration",
        "--cohort",
        str(cohort),
        "--around",
        "12",
        "--one-layer",
        "-o",
        str(tmp_path / "out"),
    ]
    assert main(arguments) == 0
    assert "simulated pairs" in capsys.readouterr().out
    figures = json.loads((tmp_path / "out" / "simulated_registration.json").read_text())
    [row] = figures["cases"]
    assert row["tre_mm"] < 0.3 < row["start_mm"] and row["global_mm"] > 0
    assert figures["summary"]["failed"] == 0 and figures["simulated"] is True
    assert (tmp_path / "out" / "simulated_registration.csv").read_text().startswith("case,level,start_mm")

    (derived / f"{name}_truth.json").unlink()
    assert main([*arguments, "--overwrite"]) == 1
    assert "its truth" in capsys.readouterr().err
