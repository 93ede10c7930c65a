"""``spine column``: what cannot be looked at is refused for its own cause."""

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.volume import Volume, write_volume

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda scan: np.full_like(scan, 7), "The T1 image is constant"),
        (lambda scan: np.where(scan == scan[2, 3, 4], np.nan, scan), "voxels that are no numbers"),
        (lambda scan: (scan > 100).astype(np.uint8), "a mask or a label map"),
        (lambda scan: np.where(scan > 150, 400, -1000).astype(np.int16), "is a CT"),
    ],
)
def test_an_image_that_cannot_be_used_is_refused_for_its_own_cause(tmp_path, capsys, spoil, words):
    scan = np.random.default_rng(3).uniform(0, 200, (6, 150, 150)).astype(np.float32)
    scan[:, 40:90, 40:90] += 100
    write_volume(Volume(spoil(scan), (1.0, 1.0, 4.0), direction=SAGITTAL), tmp_path / "T1.nrrd")
    out = tmp_path / "vertebrae.seg.nrrd"
    asked = ["column", "--image", tmp_path / "T1.nrrd", "--sequence", "T1", "-o", out, "--anyway"]
    assert main([str(one) for one in asked]) == 1
    told = capsys.readouterr().err
    assert words in told and "column was found" not in told and not out.exists()
