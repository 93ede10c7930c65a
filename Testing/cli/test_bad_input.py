"""``spine segment`` given what cannot be segmented: one sentence, exit code 1, and no file comes or goes."""

import os
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.cli.main import main
from SpineLib.cluster import on_cluster
from SpineLib.errors import SpineError
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.itk import to_sitk
from Testing.tasks.tiny import patient, save_tiny

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes and limits of POSIX")


@pytest.fixture
def case(tmp_path, monkeypatch):
    """A patient's T1 and T2, and a tiny model for both."""
    save_tiny(tmp_path / "models")
    monkeypatch.setenv("SPINE_MODELS", str(tmp_path / "models"))
    for name, volume in patient().items():
        write_volume(volume, tmp_path / f"{name}.nrrd")
    return tmp_path


def files(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def refused(capsys, case, t1, words, t2=None, output="o.seg.nrrd"):
    before = files(case)
    arguments = [
        "segment",
        "--t1",
        str(t1),
        "--t2",
        str(t2 or case / "T2.nrrd"),
        "-o",
        str(case / output),
        "--model",
        "tiny-2d-t1-t2",
        "--device",
        "cpu",
    ]
    assert main(arguments) == 1
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert words in sentence and sentence.endswith(".") and "unexpectedly" not in sentence
    assert "Doe" not in sentence and files(case) == before


def changed(kind):
    """The patient's T1, spoilt."""
    volume = patient()["T1"]
    array, spacing, origin, direction = volume.array, volume.spacing, volume.origin, volume.direction
    if kind == "NaN":
        array = np.where(np.arange(array.size).reshape(array.shape) == 99, np.nan, array)
    elif kind == "constant":
        array = np.full_like(array, 5)
    elif kind == "one slice":
        array = array[:1]
    elif kind == "CT":
        array = np.where(array > 300, 900, array * 5 - 1000).astype(np.int16)
    elif kind == "another place":
        origin = (400.0, 0.0, 0.0)
    return Volume(array, spacing, origin, direction)


@pytest.mark.parametrize(
    "kind, words",
    [
        ("NaN", "T1 image holds voxels that are no numbers"),
        ("constant", "T1 image is constant"),
        ("one slice", "T1 image has only one slice"),
        ("CT", "T1 image is a CT"),
        ("another place", "do not show the same place"),
    ],
)
def test_an_image_that_is_none_of_a_spine_is_refused(case, capsys, kind, words):
    write_volume(changed(kind), case / "Doe^Jane.nrrd")
    refused(capsys, case, case / "Doe^Jane.nrrd", words)


def test_colour_and_4_d_files_are_refused(case, capsys):
    image = to_sitk(patient()["T1"])
    sitk.WriteImage(sitk.Compose(image, image, image), str(case / "colour.nii.gz"))
    sitk.WriteImage(sitk.JoinSeries(image, image), str(case / "several.nii.gz"))
    refused(capsys, case, case / "colour.nii.gz", "T1 file is a colour or vector image")
    refused(capsys, case, case / "several.nii.gz", "T1 file is 4-D (2 volumes in one file)")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_a_truncated_file_is_refused(case, capsys, suffix):
    path = case / f"Doe{suffix}"
    write_volume(patient()["T1"], path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(capsys, case, path, "T1 file is damaged or incomplete")


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_8_bit_and_float64_images_are_segmented(case, dtype):
    volume = patient()["T1"]
    array = (volume.array - volume.array.min()) / 3
    write_volume(volume.with_array(array.astype(dtype)), case / "t.nrrd")
    assert (
        main(
            [
                "segment",
                "--t1",
                str(case / "t.nrrd"),
                "--t2",
                str(case / "T2.nrrd"),
                "-o",
                str(case / "o.nii.gz"),
                "--model",
                "tiny-2d-t1-t2",
            ]
        )
        == 0
    )
    assert read_volume(case / "o.nii.gz").array.max() == 1


def test_a_path_of_200_characters_with_spaces_and_umlauts_leads_to_the_same_mask(case):
    folder = case / "Ordner für Größen" / ("ä ö " * 20) / ("x" * 120)
    folder.mkdir(parents=True)
    assert len(str(folder)) > 200
    for name in ("T1", "T2"):
        (folder / f"Bild ü {name}.nrrd").write_bytes((case / f"{name}.nrrd").read_bytes())
    for place, names in ((case, ("T1", "T2")), (folder, ("Bild ü T1", "Bild ü T2"))):
        images = [str(place / f"{name}.nrrd") for name in names]
        outputs = ["-o", place / "ö.seg.nrrd", "--json", place / "ä.json", "--csv", place / "ü.csv"]
        assert main(["segment", "--t1", images[0], "--t2", images[1], *map(str, outputs)]) == 0
    names = ["Bild ü T1.nrrd", "Bild ü T2.nrrd", "ä.json", "ö.seg.nrrd", "ü.csv"]
    assert sorted(file.name for file in folder.iterdir()) == names
    np.testing.assert_array_equal(read_volume(folder / "ö.seg.nrrd").array, read_volume(case / "ö.seg.nrrd").array)


def test_a_name_that_no_file_can_have_is_refused(case, capsys):
    refused(capsys, case, case / "T1.nrrd", "too long", output=f"{'ö' * 200}.seg.nrrd")


LITTLE_ROOM = """
import resource, signal, sys
from SpineLib.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.exit(main(sys.argv[2:]))
"""


@POSIX
@pytest.mark.parametrize("option, name", [("-o", "o.seg.nrrd"), ("--probability", "p.nii.gz"), ("--csv", "t.csv")])
def test_a_full_disk_gives_one_sentence_and_leaves_the_old_file(case, repository, option, name):
    (case / name).write_text("the older one")
    before = files(case)
    more = [] if option == "-o" else ["-o", str(case / "main.nrrd")]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            LITTLE_ROOM,
            "60",
            "segment",
            "--t1",
            str(case / "T1.nrrd"),
            "--t2",
            str(case / "T2.nrrd"),
            option,
            str(case / name),
            *more,
            "--overwrite",
            "--model",
            "tiny-2d-t1-t2",
        ],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(repository)},
    )
    assert done.returncode == 1 and "disk is full" in done.stderr.splitlines()[-1], done.stderr
    assert files(case) == before


@POSIX
def test_an_output_folder_without_permission_is_refused_before_any_work(case, capsys, open_folder, ordinary_user):
    open_folder.chmod(0o555)
    paths = ["--t1", str(case / "T1.nrrd"), "-o", str(open_folder / "o.nrrd")]
    from SpineLib.cli import segment, segment_folder  # noqa: F401  (nobody may be unable to read the checkout)
    from SpineLib.worker import sentence  # noqa: F401

    with ordinary_user():
        assert main(["segment", *paths]) == 1
    told = capsys.readouterr().err
    assert "no permission for its folder" in told and "%" not in told, "no progress: nothing was begun"


@POSIX
def test_patients_that_may_not_be_read_are_told_and_do_not_stop_the_others(open_folder, ordinary_user):
    from SpineLib.cohort.images import find_cases, single_images

    for number in (1, 2, 3):
        (open_folder / f"sub-{number}" / "anat").mkdir(parents=True)
        (open_folder / f"sub-{number}" / "anat" / f"sub-{number}_T1w.nii").touch()
    (open_folder / "sub-1" / "anat").chmod(0)
    (open_folder / "sub-2").chmod(0)
    with ordinary_user():
        cases = dict(find_cases(open_folder))
    assert {case: list(images) for case, images in cases.items()} == {"sub-1": [], "sub-2": [], "sub-3": ["T1"]}
    with pytest.raises(SpineError, match="may not be read"):
        single_images(cases["sub-2"])
    open_folder.chmod(0o311)
    with ordinary_user(), pytest.raises(SpineError, match="may not be read"):
        find_cases(open_folder)


def test_several_workers_without_dask_are_one_sentence_that_says_how_a_shell_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)  # so Python marks a module that can't be imported
    with pytest.raises(SpineError, match=r"pip install 'SpineLib\[cluster\]'"):
        next(iter(on_cluster(len, [("one",)], workers=2)))
