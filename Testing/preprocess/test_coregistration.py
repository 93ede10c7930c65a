"""Co-registration of a second sequence that lies on another grid."""

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.errors import Cancelled, SpineError
from SpineLib.preprocess import Preparation, prepare
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.itk import from_sitk, to_sitk

SHAPE = (14, 70, 64)


def spine():
    """Bodies and discs as a stack of boxes with a tilted canal behind, in two contrasts; sagittal, 4 mm slices."""
    k, j, i = np.meshgrid(*(np.arange(n, dtype=float) for n in SHAPE), indexing="ij")
    x, y, z = 4 * (k - 6.5), 2 * j, 2 * i
    shape = np.zeros(SHAPE)
    body = (np.abs(x + 3) < 20) & (np.abs(z - 45 - 8 * np.sin(y / 40)) < 16)
    shape[body & (y % 32 < 24)] = 1
    shape[body & (y % 32 >= 24)] = 2
    shape[(np.abs(x + 3) < 9) & (np.abs(z - 75 - 8 * np.sin(y / 40)) < 7)] = 3
    shape[(np.hypot(x - 26, y - 70) < 14) & (z > 60)] = 4
    rng = np.random.default_rng(0)
    images = {}
    for name, values in {"T1": (40, 180, 90, 30, 140), "T2": (30, 110, 60, 220, 80)}.items():
        array = np.array(values)[shape.astype(int)] + rng.normal(0, 4, SHAPE)
        direction = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]])
        images[name] = Volume(array.astype(np.float32), (2, 2, 4), (-26, -60, 70), direction, name)
    return images


def moved(volume, shift, degrees=0.0):
    """The patient moved between the sequences, and the second one was scanned on another grid."""
    image = to_sitk(volume)
    transform = sitk.Euler3DTransform()
    transform.SetCenter(image.TransformContinuousIndexToPhysicalPoint([n / 2 for n in image.GetSize()]))
    transform.SetTranslation(shift)
    transform.SetRotation(np.radians(degrees), 0, 0)
    grid = sitk.Resample(
        image,
        [n - 4 for n in image.GetSize()[:2]] + [image.GetSize()[2]],
        sitk.Transform(),
        sitk.sitkLinear,
        image.TransformIndexToPhysicalPoint((2, 2, 0)),
        (2.05, 2.0, 4.0),
        image.GetDirection(),
        float(volume.array.min()),
    )
    return from_sitk(sitk.Resample(image, grid, transform, sitk.sitkLinear, float(volume.array.min())), volume.name)


@pytest.mark.parametrize("shift, degrees", [((0.0, 0.0, 0.0), 0.0), ((0.0, 5.0, -6.0), 3.0)])
def test_a_known_movement_is_found(shift, degrees):
    images = spine()
    still = prepare(images, Preparation(slices=14))
    prepared = prepare({"T1": images["T1"], "T2": moved(images["T2"], shift, degrees)}, Preparation(slices=14))
    assert "co-registered rigidly" in prepared.notes[0] or ("no better position" in prepared.notes[0] and not degrees)
    inner = (slice(2, -2), slice(8, -8), slice(8, -8))
    agreement = np.corrcoef(prepared.channels[1][inner].ravel(), still.channels[1][inner].ravel())[0, 1]
    assert agreement > 0.93


def test_the_same_input_is_registered_alike_twice():
    images = spine()
    images["T2"] = moved(images["T2"], (0.0, 4.0, 3.0))
    first, second = (prepare(images, Preparation(slices=14)).channels for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_images_without_common_space_are_refused():
    images = spine()
    far = images["T2"]
    images["T2"] = Volume(far.array, far.spacing, (-26, -60, 700), far.direction, "T2")
    with pytest.raises(SpineError, match="do not show the same place"):
        prepare(images)


@pytest.mark.parametrize("column", [0, 1, 2])
def test_an_image_whose_header_was_flipped_is_refused(column):
    images = spine()
    direction = images["T2"].direction.copy()
    direction[:, column] *= -1  # it now runs the other way from the same corner
    images["T2"] = Volume(images["T2"].array, (2, 2, 4), (-26, -60, 70), direction, "T2")
    with pytest.raises(SpineError, match="do not show the same place"):
        prepare(images)


@pytest.mark.parametrize("axis, words", [(1, "upside down"), (2, "front to back")])
def test_simulated_images_of_which_one_is_flipped_are_refused(axis, words):
    from SpineLib.phantom import PhantomSettings, simulate

    settings = PhantomSettings(matrix=192, slices=15, oversampling=1, region="lumbar", spacing=1.25, healthy=0.0)
    images = simulate(5, settings).images
    assert images["T1"].shape == (15, 192, 192), "sagittal slices of rows to inferior and columns to posterior"
    with pytest.raises(SpineError, match=f"T2 seems to be flipped {words} against T1"):
        prepare(images | {"T2": images["T2"].with_array(np.flip(images["T2"].array, axis))})


@pytest.mark.parametrize("axis, words", [(0, "upside down"), (1, "front to back")])
def test_real_images_of_which_one_is_flipped_are_refused(shared_data, axis, words):
    images = {name: read_volume(shared_data / "mr_lumbar" / f"DzZ_{name}.nii.gz", name) for name in ("T1", "T2")}
    flipped = np.flip(images["T2"].array, axis)
    with pytest.raises(SpineError, match=words):
        prepare(images | {"T2": images["T2"].with_array(flipped)})


def test_a_movement_no_patient_makes_is_discarded():
    images = spine()
    rng = np.random.default_rng(1)
    t2 = images["T2"]
    noise = rng.normal(100, 20, t2.shape).astype(np.float32)
    images["T2"] = Volume(noise, (2.1, 2.0, 4.0), (-26, -80, 90), t2.direction, "T2")
    [note] = [note for note in prepare(images, Preparation(slices=14)).notes if "T2" in note]
    assert "T2 to T1" in note
    if "co-registered" in note:  # noise may fit somewhere near, but never far away
        assert float(note.split("shift ")[1].split(" mm")[0]) <= 20


def test_cancelling_stops_the_registration():
    images = spine()
    images["T2"] = moved(images["T2"], (0.0, 4.0, 3.0))

    def progress(fraction, text):
        if text == "Co-registering":
            raise Cancelled

    with pytest.raises(Cancelled):
        prepare(images, progress=progress)
