"""Fine-tuning: mixed, judged on those held back, offered and never installed by itself, resumed."""

import numpy as np
import pytest
import torch

from SpineLab.learning.choice import accept, back, drop
from SpineLab.learning.patients import add_patient
from SpineLab.learning.training import TuneSettings, between
from SpineLab.learning.tune import tune
from SpineLib.cli.main import main
from SpineLib.cohort.corrections import read_comparison, read_state
from SpineLib.errors import Cancelled, SpineError
from SpineLib.models import find_bundle, list_bundles, load_bundle

QUICK = TuneSettings(minutes=10.0, steps=4, batch=2, simulated=2, tests=1, processes=1)


def test_the_former_and_the_new_model_stand_side_by_side_patient_by_patient_and_lesion_by_lesion(tuned, ball_patients):
    folder, comparison = tuned
    held = [row for row in comparison["cases"] if row["group"] == "patients"]
    assert [row["case"] for row in sorted(held, key=lambda row: row["case"])] == ["sub-001", "sub-002", "sub-003"]
    assert all({"former", "new"} <= row.keys() for row in comparison["cases"])
    lesions = [row for row in comparison["lesions"] if row["group"] == "patients"]
    assert len(lesions) == sum(len(np.unique(truth.array)) - 1 for _, truth in ball_patients[:3])
    assert comparison["summary"]["simulated"]["former"]["cases"] == 1
    assert read_comparison(folder)["model"] == comparison["model"]


def test_nothing_is_installed_before_the_user_says_so_and_back_is_one_step(tuned, base):
    folder, comparison = tuned
    new = comparison["model"]
    assert new not in {card.id for _, card in list_bundles()}
    assert accept(folder).in_use == new
    assert find_bundle(new).card.training_data["local_patients"] == 3
    assert "simulated data and 3 local patients" in find_bundle(new).card.text
    state, used = back(folder)
    assert (state.in_use, used) == ("", base.card.id)
    assert new not in {card.id for _, card in list_bundles()}
    with pytest.raises(SpineError, match="none to go back"):
        back(folder)


def test_the_comparison_offers_to_install_the_model_only_while_it_waits(tuned, capsys):
    folder, _ = tuned
    line = ["learn", "compare", "--folder", str(folder)]
    assert main(line) == 0 and "'spine learn accept' installs" in capsys.readouterr().out
    accept(folder)
    assert main(line) == 0
    told = capsys.readouterr().out
    assert "'spine learn accept' installs" not in told and "waits no more" in told


def test_the_card_counts_persons_and_not_their_studies(ball_patients, tmp_path, base, simulated_balls):
    for number, (images, truth) in enumerate(ball_patients[:3]):
        same = "sub-001" if number == 1 else ""
        add_patient(tmp_path / "set", images, truth, "lesion", same_as=same, simulated=True)
    tune(tmp_path / "set", base.card.id, QUICK)
    accept(tmp_path / "set")
    told = find_bundle(read_state(tmp_path / "set").in_use).card.training_data["description"]
    assert told == "Trained on simulated data and 2 local patients, 2 of them simulated."


def test_a_dropped_model_leaves_no_trace(tuned):
    folder, comparison = tuned
    drop(folder)
    assert read_state(folder).proposed == ""
    assert not (folder / "learning" / "proposed").exists()
    with pytest.raises(SpineError, match="no new model"):
        accept(folder)


def test_learning_goes_on_from_the_model_that_has_seen_no_patient(tuned, base):
    folder, first = tuned
    accept(folder)
    second = tune(folder, first["model"], QUICK)
    assert second["base"] == base.card.id
    assert second["model"] == f"{base.card.id}-local-2"


def test_a_cancelled_training_goes_on_where_it_was(training_set, base, simulated_balls):
    folder = training_set(1)
    seen = []

    def stop(fraction, text):
        seen.append(text)
        if "step 2" in text:
            raise Cancelled

    with pytest.raises(Cancelled):
        tune(folder, base.card.id, QUICK, stop)
    seen.clear()
    tune(folder, base.card.id, QUICK, lambda fraction, text: seen.append(text))
    steps = [text for text in seen if "step" in text]
    assert steps[0].endswith("step 2")


def test_the_progress_never_goes_back(tuned_once):
    *_, told = tuned_once
    assert told == sorted(told) and told[-1] == 1.0


def test_weights_change_and_keep_the_models_preparation(tuned, base):
    folder, _ = tuned
    new = load_bundle(folder / "learning" / "proposed")
    assert new.card.preparation == base.card.preparation and new.card.inputs == base.card.inputs
    assert any(
        not np.allclose(one.numpy(), other.numpy())
        for one, other in zip(new.network().state_dict().values(), base.network().state_dict().values())
    )


def test_a_set_without_the_models_sequences_is_refused_by_name(ball_patients, base, tmp_path):
    images, truth = ball_patients[0]
    folder = tmp_path / "t1"
    add_patient(folder, {"T1": images["T1"]}, truth, "lesion")
    with pytest.raises(SpineError, match="has T1 and T2"):
        tune(folder, base.card.id, QUICK)


def test_a_model_that_takes_any_sequence_learns_from_patients_who_have_some(
    ball_patients, base, tmp_path, simulated_balls
):
    """The network keeps its input; what no patient has stays 0."""
    import torch

    from SpineLib.models import ModelCard, save_bundle
    from SpineLib.networks.channels import InputChannels
    from SpineLib.networks.unet import UNet

    channels = InputChannels(3, 1, 4.0, True)
    torch.manual_seed(0)
    network = {"type": "unet", "dimensions": 2, "inputs": channels.count, "widths": [4, 6], **channels.to_dict()}
    card = ModelCard(
        id="any",
        title="Any",
        task=base.card.task,
        licence="Apache-2.0",
        network=network,
        inputs=("STIR", "T1", "T2"),
        preparation=base.card.preparation,
        patch=base.card.patch,
        training_data={"simulated": True, "description": "Random weights"},
    )
    save_bundle(tmp_path / "models" / "any", UNet(2, channels.count, (4, 6)), card)
    images, truth = ball_patients[0]
    add_patient(tmp_path / "set", images, truth, "lesion")
    comparison = tune(tmp_path / "set", "any", QUICK)
    new = load_bundle(tmp_path / "set" / "learning" / "proposed")
    assert comparison["patients"] == 1 and new.card.network == load_bundle(tmp_path / "models" / "any").card.network


def test_the_channels_of_what_a_patient_has_lie_where_the_network_expects_them():
    from SpineLab.learning.training import SomeChannels
    from SpineLib.networks.channels import InputChannels

    whole, some = InputChannels(3, 0, 4.0, True), SomeChannels(2, 0, 4.0, True, (1, 2), 3)
    planes = np.random.default_rng(0).normal(size=(1, 1, 5, 5))
    wanted = whole.filled(planes, [2], np.zeros((whole.count, 5, 5)))
    assert some.count == whole.count
    assert np.array_equal(some.filled(planes, [1], np.zeros((some.count, 5, 5))), wanted)


def test_the_new_weights_lie_between_the_former_and_the_trained_ones():
    former = {"weight": torch.tensor([0.0, 2.0], dtype=torch.float16), "count": torch.tensor(3)}
    trained = {"weight": torch.tensor([1.0, 4.0]), "count": torch.tensor(9)}
    new = between(former, trained, 0.25)
    assert torch.equal(new["weight"], torch.tensor([0.25, 2.5])) and int(new["count"]) == 9
    assert torch.equal(between(former, trained, 1.0)["weight"], trained["weight"])


def test_no_way_or_more_than_the_whole_way_is_refused():
    with pytest.raises(SpineError, match="at most 1"):
        TuneSettings(way=0.0)
    with pytest.raises(SpineError, match="at most 1"):
        TuneSettings(way=1.5)
