"""``spine stability``: distances and proposals; a report only of what was confirmed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.tasks.registration.quality import RegistrationQuality
from SpineLib.tasks.registration.record import write_registration
from SpineLib.tasks.registration.register import Registration
from SpineLib.tasks.stability.form import StabilityForm
from SpineLib.volume import read_volume, write_volume
from Testing.tasks.balls import ball, box, grid

ON = grid(half=30.0)
REST = ["pain=none", "alignment=normal", "bone=lytic", "collapse=none"]


@pytest.fixture
def case(tmp_path):
    write_volume(ball(6.0, (0, 0, 0), ON), tmp_path / "lesion.nrrd")
    write_volume(box((-8, 14, -28), (8, 26, 28), ON), tmp_path / "canal.nrrd")
    write_volume(box((-18, 8, -12), (18, 28, 12), ON), tmp_path / "arch.nrrd")
    return tmp_path


def run(case, *more):
    start = ["stability", "--lesion", case / "lesion.nrrd", "--canal", case / "canal.nrrd", "--level", "L3"]
    return main([str(one) for one in (*start, "--arch", case / "arch.nrrd", *more)])


def test_what_can_be_seen_is_proposed_with_its_reason_and_the_rest_is_left_to_the_reader(case, capsys):
    assert run(case, "-o", case / "s.json") == 0
    told = capsys.readouterr().out
    assert "Lesion to spinal canal: 7.8 mm" in told and "Bilsky, proposed: 0." in told
    assert "Location: Mobile (C3-C6, L2-L4) (proposed: L3 is mobile" in told
    assert "Posterolateral involvement: None (proposed" in told and "Pain: – (to be chosen by the reader)" in told
    assert "Not confirmed" in told and "SINS " not in told.replace("SINS can't", "")
    written = json.loads((case / "s.json").read_text())
    assert not written["confirmed"] and written["sins_total"] is None and written["bilsky"] == ""
    assert written["bilsky_proposed"] == "0" and written["sins"] == {"location": "mobile", "posterolateral": "none"}


def test_the_registration_of_the_necrosis_is_not_taken_as_exact(case, capsys):
    def with_quality(**values):
        quality = RegistrationQuality(metric=0.8, rival=0.1, overlap=1.0, spread_mm=0.1, bend_mm=0.2, **values)
        write_registration(Registration(np.eye(4), quality, {}, []), case / "after.tfm")
        assert run(case, "--necrosis", case / "lesion.nrrd", "--transform", case / "after.tfm") == 0
        return capsys.readouterr().out

    assert "Necrosis to spinal canal: 7.8 mm ± 1.8 mm." in with_quality(error_mm=1.8, trusted=True)
    told = with_quality(error_mm=6.0, trusted=False, reasons=("It is bent.",))
    assert "Necrosis to spinal canal: not to be told; the registration is not to be trusted." in told
    (case / "after.json").unlink()
    assert run(case, "--necrosis", case / "lesion.nrrd", "--transform", case / "after.tfm") == 0
    assert "Note: The registration's error is not known" in capsys.readouterr().out


def test_a_part_of_another_place_is_told(case, capsys):
    arch = read_volume(case / "arch.nrrd")
    write_volume(replace(arch, origin=(500.0, 0.0, 0.0)), case / "arch.nrrd")
    assert run(case) == 0
    told = capsys.readouterr().out
    assert "The arch does not lie at the lesion" in told and "Posterolateral involvement: – (to be chosen" in told


def test_what_is_confirmed_is_told_with_points_and_class(case, capsys):
    assert run(case, "--answers", *REST, "--confirm") == 0
    told = capsys.readouterr().out
    assert "SINS 4 of 18: stable." in told and "Bilsky grade 0: bone only." in told
    assert run(case, "--answers", "pain=mechanical", "--confirm") == 1
    assert "bone lesion" in capsys.readouterr().err, "an answer is missing"
    assert run(case, "--answers", "pain=awful") == 1
    assert "choose one of mechanical, occasional, none" in capsys.readouterr().err


def test_a_form_survives_as_a_segments_tag_and_says_nothing_before_it_is_confirmed():
    form = StabilityForm({"pain": "none"}, "1b", False, {"lesion": {"distance_mm": 2.0}})
    assert StabilityForm.from_text(form.text()) == form and form.lines() == []
    assert "|" not in form.text() and StabilityForm.from_text("broken") == StabilityForm()
    told = StabilityForm({"pain": "none"}, "1b", True, {"lesion": {"distance_mm": 2.0}}).lines()
    assert told == ["Bilsky grade 1b: thecal sac deformed, cord not touched.", "Lesion to spinal canal: 2.0 mm."]


def test_canal_bodies_and_level_are_looked_for_in_a_scan(shared_data, tmp_path, capsys):
    scan = shared_data / "mr_lumbar" / "DzZ_T2.nii.gz"
    if not scan.is_file():
        pytest.skip("the shared data has no mr_lumbar/DzZ_T2.nii.gz")
    bodies = read_volume(scan.parent / "DzZ_T2_vb-labels.nii.gz")
    l3 = bodies.array == 4  # 1 is S1
    l3[..., : bodies.shape[2] // 2] = False
    write_volume(bodies.with_array(l3.astype(np.uint8)), tmp_path / "lesion.nrrd")
    call = ["stability", "--lesion", str(tmp_path / "lesion.nrrd"), "--image", str(scan), "--sequence", "T2"]
    assert main([*call, "-o", str(tmp_path / "s.json")]) == 0
    told = capsys.readouterr().out
    assert "Location: Mobile (C3-C6, L2-L4) (proposed: L3" in told and "Levels are counted from the sacrum" in told
    assert "found by 'column-mr', not by a person" in told
    written = json.loads((tmp_path / "s.json").read_text())
    assert written["sins"]["collapse"] in ("none", "body_involved") and "posterolateral" in written["sins"]


def test_a_necrosis_without_a_canal_is_refused(case, capsys):
    call = ["stability", "--lesion", str(case / "lesion.nrrd"), "--necrosis", str(case / "lesion.nrrd")]
    assert main(call) == 1
    assert "give that with --canal, or a scan with --image" in capsys.readouterr().err
    assert main([*call, "--image", str(case / "canal.nrrd")]) == 1
    assert "a mask or a label map, not a scan" in capsys.readouterr().err
    write_volume(ON.with_array(np.random.default_rng(0).normal(100, 20, ON.shape)), case / "piece.nrrd")
    assert main([*call, "--image", str(case / "piece.nrrd")]) == 1
    assert "No spine was found on the T2" in capsys.readouterr().err, "60 mm of it are too little"
