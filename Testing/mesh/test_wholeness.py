"""What a mask lacks of a whole vertebra is said first: islands, the image's edge, an open arch, half a pedicle."""

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.mesh.arch import LEAST_CANAL_MM, arch_of
from SpineLib.mesh.model import ModelSettings, build_model
from SpineLib.mesh.wholeness import edge_mm2
from SpineLib.volume import read_volume
from Testing.mesh.shapes import vertebra
from Testing.tasks.balls import ball, box, grid, rotation, union

ON = grid((1.0, 1.0, 1.0), 42.0)
#: Whole vertebrae: file, and numbers of those that the image cuts off or whose labels are incomplete.
REAL = {
    "vertebra_masks/bonecement_healthy_ref_mask.nii.gz": (7,),
    "vertebra_masks/malekosh_sample001_seg-vert_msk.nii.gz": (),
    "ct_spine/sub-verse012_seg-vert_msk.nii.gz": (),
}


def without(mask, low, high):
    """The vertebra without a box, mm from the grid's middle."""
    return mask.with_array((mask.array & ~box(low, high, mask).array.astype(bool)).astype(np.uint8))


@pytest.mark.parametrize("turn", [(0, 0, 0), (35, 0, 0), (-15, 20, 10)])
def test_nothing_is_said_of_a_whole_vertebra_however_it_is_tilted(turn):
    model = build_model(vertebra(grid((1.0, 1.0, 1.0), 42.0, rotation(turn), (5.0, -20.0, 300.0))))
    assert model.report.passed and model.attention == [] and model.measures["left_out"] == 0
    # The canal's half width of 8 mm less what its walls of 16 mm hide at the 7 degrees between two tilts, and a voxel.
    assert 5 < model.measures["canal_mm"] < 9
    assert model.measures["left_pedicle_mm2"] == pytest.approx(model.measures["right_pedicle_mm2"], rel=0.4)


@pytest.mark.parametrize(
    ("low", "high"),
    [((0, 0, -30), (30, 40, 30)), ((-30, 14, -30), (30, 40, 30)), ((4, -5, -30), (40, 12, 30))],
    ids=["half of the arch", "all behind the canal", "a pedicle"],
)
def test_an_arch_that_does_not_close_is_told(low, high):
    mask = without(vertebra(ON), low, high)
    model = build_model(mask, ModelSettings(bodies=1))
    assert model.measures["canal_mm"] < LEAST_CANAL_MM
    (told,) = model.attention
    assert told.startswith("The arch does not close: no canal goes through this model")


def test_half_a_pedicle_is_told_with_its_side():
    mask = without(vertebra(ON), (4, -3, -2), (40, 12, 30))
    (told,) = build_model(mask).attention
    assert told.startswith("The left pedicle is incomplete: its thinnest section has")  # LPS: x grows to the left
    mirrored = mask.with_array(mask.array[:, :, ::-1].copy())
    assert arch_of(mirrored).sentences()[0].startswith("The right pedicle is incomplete")


def test_the_cut_of_a_body_says_that_there_is_no_canal():
    mask = without(vertebra(ON), (-30, 3, -30), (30, 40, 30))
    with pytest.raises(SpineError, match="No canal was found in this vertebra"):
        build_model(mask, ModelSettings(cut="body"))


def test_a_mask_of_which_much_is_no_part_of_the_body_is_refused():
    on = grid((1.0, 1.0, 1.0), 20.0)
    model = build_model(union(ball(8.0, (-8, 0, 0), on), ball(5.0, (10, 0, 0), on)))
    assert not model.report.passed
    (reason,) = model.report.reasons
    # (5 / 8)^3 of the larger ball: 0.244 / 1.244.
    assert reason.startswith("20% of the mask, 0.6 ml in 1 piece, does not hang together with the rest")
    assert model.attention[0] == reason and not any("island" in note for note in model.notes)
    assert build_model(
        union(ball(8.0, (-8, 0, 0), on), ball(5.0, (10, 0, 0), on)), ModelSettings(bodies=2)
    ).report.passed


def test_a_vertebra_that_the_image_cuts_off_is_told_with_the_area():
    whole = vertebra(ON)
    cut = ON.with_array(whole.array)
    cut = type(cut)(whole.array[: ON.shape[0] // 2], ON.spacing, ON.origin, ON.direction)
    assert edge_mm2(cut) == np.count_nonzero(cut.array[-1])
    assert build_model(cut).attention[0].startswith("The vertebra is cut off by the edge of its image, over")


def test_what_the_images_edge_cuts_off_from_the_rest_is_no_island():
    """An image that ends between the body and the tip behind it, which hang together beyond it."""
    on = grid((1.0, 1.0, 1.0), 20.0)
    mask = union(ball(8.0, (-8, 0, 0), on), box((4, -4, 0), (12, 4, 20), on))
    model = build_model(mask)
    first = model.attention[0]
    assert "1 piece, reaches the edge of the image, which cuts the vertebra apart" in first
    assert not model.report.passed and not any("island" in text for text in (*model.attention, *model.notes))


@pytest.mark.parametrize("file", REAL)
def test_no_real_whole_vertebra_raises_an_alarm(shared_data, file):
    if not (shared_data / file).is_file():
        pytest.skip(f"the shared data has no {file}")
    labels = read_volume(shared_data / file)
    steps = [max(1, int(1.2 / side)) for side in labels.spacing[::-1]]
    thin = labels.array[:: steps[0], :: steps[1], :: steps[2]]
    spacing = tuple(side * step for side, step in zip(labels.spacing, steps[::-1]))
    for number in np.unique(thin)[1:]:
        where = tuple(slice(part.min(), part.max() + 1) for part in np.nonzero(thin == number))
        mask = type(labels)((thin[where] == number).astype(np.uint8), spacing, (0, 0, 0), labels.direction)
        arch = arch_of(mask)
        assert bool(arch.sentences()) == (number in REAL[file]), (number, arch)
