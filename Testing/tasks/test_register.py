"""Registration of a simulated patient who lies differently in the second scan."""

import json
from dataclasses import replace

import numpy as np
import pytest

from SpineLib.errors import Cancelled, SpineError
from SpineLib.jobs.registry import run_job
from SpineLib.tasks.registration.quality import RegistrationQuality
from SpineLib.tasks.registration.region import Region
from SpineLib.tasks.registration.register import RegisterSettings, Registration, register, resample_after
from SpineLib.tasks.registration.search import rigid_matrix, rigid_parameters
from SpineLib.tasks.registration.told import fit_told
from SpineLib.volume import Volume, write_volume
from SpineLib.volume.fat_shift import FatShift
from SpineLib.volume.told import FAT_SHIFT, fat_shift_of
from SpineLib.volume.transform import read_transform
from Testing.tasks.moving import error_mm, host_points, lesion, lesion_centre, moved, movement, patient

MOVEMENT = movement()
#: A place nearby, from which a fit starts without a search.
NEAR = np.linalg.inv(movement((2.0, -4.0, 5.0), (2.0, 0.0, 2.0)))
#: One layer and little around it: a fit of a second.
QUICK = RegisterSettings(margin_mm=12, chemical_shift=False)


@pytest.fixture(scope="module")
def before():
    return patient().images["T1"]


@pytest.fixture(scope="module")
def after(before):
    return moved(before, MOVEMENT)


@pytest.fixture(scope="module")
def found(before, after):
    return register(before, after, Region.from_mask(lesion()), QUICK)


def test_a_known_movement_is_found(found):
    # Only interpolation between thick slices differs here.
    assert error_mm(found.after_to_before, MOVEMENT, host_points()) < 0.3
    turn = found.after_to_before[:3, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert found.quality.trusted and not found.quality.reasons
    assert found.quality.rival < 0.8 and found.quality.spread_mm < 0.5 and found.quality.overlap > 0.8


def test_a_result_survives_json(found):
    again = Registration.from_dict(json.loads(json.dumps(found.to_dict())))
    np.testing.assert_array_equal(again.after_to_before, found.after_to_before)
    assert again.quality == found.quality and again.notes == found.notes
    assert again.provenance["task"] == "register" and again.provenance["parameters"]["margin_mm"] == 12


@pytest.fixture(scope="module")
def told(before):
    """T1 before and contrast-enhanced T1 after, with what their headers tell of the displacement of fat."""
    scans = []
    for volume, name in ((before, "T1"), (moved(patient().images["ceT1"], MOVEMENT), "ceT1")):
        facts = patient().truth["sequences"][name]
        assert facts["fat_left"] == 1, "or this tests nothing"
        axis = 1 if facts["fat_shift_down_rows"] else 0
        vector = abs(facts["fat_shift_voxels"]) * volume.ijk_to_lps[:3, axis]
        scans.append(replace(volume, meta={FAT_SHIFT: FatShift(tuple(vector))}))
    return scans


def test_headers_tell_how_far_fat_is_displaced_and_the_fit_finds_to_which_side(told):
    region = Region.from_mask(lesion())
    matrix = rigid_matrix(rigid_parameters(MOVEMENT, region.centre) + [0.01, 0, 0.01, 0.5, -1.0, 1.0], region.centre)
    candidates, halves = fit_told(*told, region, matrix, 30.0)
    voxels = [patient().truth["sequences"][name]["fat_shift_voxels"] for name in ("T1", "ceT1")]
    assert abs(voxels[0]) > 1 > 0.1 > abs(voxels[1]), "in the scan after fat is where it belongs: either side will do"
    assert {one.sides[0] for one in (candidates[0], *halves)} == {int(np.sign(voxels[0]))}
    # Voxels of 1.1 mm: a third of one.
    assert all(error_mm(np.linalg.inv(one.matrix), MOVEMENT, host_points()) < 0.4 for one in halves)


def test_a_registration_uses_the_headers_where_both_scans_have_them_and_says_so(told):
    region, errors = Region.from_mask(lesion()), {}
    for name, scans, settings in (
        ("told", told, RegisterSettings()),
        ("left aside", told, RegisterSettings(headers=False)),
        ("not told", [told[0], replace(told[1], meta={})], RegisterSettings(margin_mm=12)),
    ):
        found = register(*scans, region, settings, start=NEAR)
        errors[name] = error_mm(found.after_to_before, MOVEMENT, host_points())
        assert found.provenance["fat"]["way"] == ("told" if name == "told" else "fitted")
        assert any(name in note or (name == "told" and "headers tell" in note) for note in found.notes)
        if name == "told":
            assert found.quality.trusted and errors[name] < found.quality.error_mm
            json.dumps(found.to_dict())
    t2 = replace(told[1], meta={FAT_SHIFT: replace(fat_shift_of(told[1]), told_by_brightness=False)})
    found = register(told[0], t2, region, RegisterSettings(margin_mm=12), start=NEAR)
    assert found.provenance["fat"]["way"] == "fitted", "on T2 water is as bright as fat"
    assert error_mm(found.after_to_before, MOVEMENT, host_points()) == errors["not told"], "so they are no help"
    assert errors["told"] < 0.4 and errors["left aside"] > errors["told"]


def test_fat_that_was_suppressed_is_not_displaced(before, told):
    dark = replace(told[1], meta={FAT_SHIFT: replace(fat_shift_of(told[1]), suppressed=True)})
    candidates, _ = fit_told(told[0], dark, Region.from_mask(lesion()), MOVEMENT, 12.0)
    assert {one.sides for one in candidates} == {(1, 0), (-1, 0)}


def test_fat_that_the_scanners_displaced_is_fitted_as_a_layer_of_its_own(before):
    later = moved(patient().images["ceT1"], MOVEMENT)  # its chemical shift differs from that of the scan before
    errors = [
        error_mm(
            register(before, later, Region.from_mask(lesion()), settings, start=NEAR).after_to_before,
            MOVEMENT,
            host_points(),
        )
        for settings in (QUICK, RegisterSettings())
    ]
    assert errors[0] > 1.0, "fat carries bone away with it, or this tests nothing"
    assert errors[1] < 0.75 * errors[0]


def test_the_same_input_gives_the_same_transform_on_any_number_of_threads(before, after):
    import SimpleITK as sitk

    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    results = []
    try:
        for count in (1, 3):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(count)
            results.append(register(before, after, Region.from_mask(lesion()), QUICK, start=NEAR).after_to_before)
            assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == count
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    np.testing.assert_array_equal(*results)


def test_a_scan_of_noise_is_not_trusted(before):
    noise = np.random.default_rng(0).normal(100, 20, before.shape).astype(np.float32)
    result = register(before, before.with_array(noise), Region.from_mask(lesion()), QUICK, start=np.eye(4))
    assert not result.quality.trusted
    assert any("share too little" in reason for reason in result.quality.reasons)
    assert any("not to be trusted" in note for note in result.notes)


def test_a_flipped_scan_is_not_trusted_and_called_flipped(before):
    upside_down = before.with_array(before.array[:, ::-1])
    result = register(before, upside_down, Region.from_mask(lesion()), QUICK)
    assert not result.quality.trusted and "upside down" in result.quality.reasons[0]


def test_a_start_is_kept_to_and_fitted_around_a_box(before, after):
    result = register(before, after, Region.from_box(lesion_centre(), (45, 40, 35)), QUICK, start=NEAR)
    assert error_mm(result.after_to_before, MOVEMENT, host_points()) < 0.5
    assert result.provenance["parameters"]["start"] == NEAR.tolist()
    assert result.provenance["parameters"]["region"] == "box"


def test_a_start_a_vertebra_off_is_kept_to_but_not_trusted(before, after):
    off = np.eye(4)
    off[2, 3] = 30.0
    result = register(before, after, Region.from_mask(lesion()), QUICK, start=off @ np.linalg.inv(MOVEMENT))
    assert error_mm(result.after_to_before, MOVEMENT, host_points()) > 15
    assert not result.quality.trusted and result.quality.rival > 1
    assert any("check the level" in reason for reason in result.quality.reasons)


def test_after_on_the_grid_of_before_shows_what_before_shows(before, after, found):
    resampled = resample_after(after, before, found.after_to_before)
    assert resampled.same_grid(before)
    inner = (slice(3, -3), slice(40, -40), slice(40, -40))
    assert np.corrcoef(resampled.array[inner].ravel(), before.array[inner].ravel())[0, 1] > 0.95
    with pytest.raises(SpineError, match="singular"):
        resample_after(after, before, np.diag([1.0, 1.0, 0.0, 1.0]))


@pytest.mark.parametrize(
    "phase, start",
    [("Preparing", None), ("Searching", None), ("Fitting the vertebra", NEAR), ("Fitting bone and marrow", NEAR)],
)
def test_cancelling_ends_it_in_every_phase(before, after, phase, start):
    def progress(fraction, text):
        if text.startswith(phase):
            raise Cancelled

    settings = RegisterSettings(margin_mm=10)
    with pytest.raises(Cancelled):
        register(before, after, Region.from_mask(lesion()), settings, progress, start)


def test_the_job_writes_the_transform_it_returns(tmp_path, before, after):
    write_volume(before, tmp_path / "before.nrrd")
    write_volume(after, tmp_path / "after.nrrd")
    write_volume(lesion(), tmp_path / "lesion.nrrd")
    folder = tmp_path / "job"
    folder.mkdir()
    corners = Region.from_mask(lesion()).corners()[:4]
    points = {
        "before_lps_mm": corners.tolist(),
        "after_lps_mm": (corners @ MOVEMENT[:3, :3].T + MOVEMENT[:3, 3]).tolist(),
    }
    parameters = {
        "inputs": {"before": str(tmp_path / "before.nrrd"), "after": str(tmp_path / "after.nrrd")},
        "region": {"mask": str(tmp_path / "lesion.nrrd")},
        "start": points,
        "settings": {"margin_mm": 12, "chemical_shift": False},
    }
    seen = []
    answer = run_job("register", parameters, folder, lambda fraction, text: seen.append(fraction))
    assert set(answer) == {"transform", "after_to_before_lps", "quality", "provenance", "notes"}
    np.testing.assert_allclose(read_transform(folder / answer["transform"]), answer["after_to_before_lps"], atol=1e-8)
    assert error_mm(np.array(answer["after_to_before_lps"]), MOVEMENT, host_points()) < 0.3
    assert "fit each other to 0.0 mm" in answer["notes"][0]
    assert RegistrationQuality.from_dict(answer["quality"]).trusted
    assert seen == sorted(seen)
    with pytest.raises(SpineError, match="lacks region"):
        run_job("register", {"inputs": {}}, folder)


def test_scans_of_other_places_are_refused(before):
    far = Volume(before.array, before.spacing, tuple(np.add(before.origin, (0, 0, 900))), before.direction, "T1")
    with pytest.raises(SpineError, match="does not show the region"):
        register(before, far, Region.from_mask(lesion()))
    with pytest.raises(SpineError, match="outside the scan before"):
        register(far, before, Region.from_mask(lesion()))


@pytest.mark.parametrize(
    "array, words",
    [
        (np.full((15, 20, 20), 7.0), "constant"),
        (np.zeros((1, 20, 20)), "one slice"),
        (np.where(np.eye(20) > 0, np.nan, 1.0)[None].repeat(3, 0), "no numbers"),
    ],
)
def test_images_that_show_nothing_are_refused(before, array, words):
    with pytest.raises(SpineError, match=words):
        register(before, Volume(array), Region.from_mask(lesion()))


def test_a_ct_is_refused(before):
    air = np.full(before.shape, -1000, np.int16)
    air[:, 40:120, 40:120] = 300
    with pytest.raises(SpineError, match="scan after is a CT"):
        register(before, before.with_array(air, "after"), Region.from_mask(lesion()))


def test_bad_settings_and_starts_are_refused(before, after):
    with pytest.raises(SpineError, match="between 3 and 60"):
        RegisterSettings(margin_mm=0)
    with pytest.raises(SpineError, match="no setting 'speed'"):
        RegisterSettings.from_dict({"speed": 3})
    with pytest.raises(SpineError, match="singular"):
        register(before, after, Region.from_mask(lesion()), start=np.zeros((4, 4)) + np.diag([0, 0, 0, 1]))
