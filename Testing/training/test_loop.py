"""Training learns, goes on where it was interrupted, and ends in a bundle."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from SpineLab.training import checkpoint
from SpineLab.training import loop as driver
from SpineLab.training.loop import Run, learning_rate
from SpineLab.training.record import read_log
from SpineLab.training.segmentation import loop
from SpineLab.training.segmentation.augmentation import AugmentationSettings
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.export import export
from SpineLab.training.segmentation.initialise import initial_network
from SpineLab.training.segmentation.sampling import SamplingSettings, Steps
from SpineLab.training.segmentation.validation import THRESHOLDS
from SpineLab.training.settings import OptimisationSettings
from SpineLib.errors import Cancelled, SpineError
from SpineLib.models import ModelCard, load_bundle, save_bundle
from SpineLib.networks.unet import UNet


def _curve(folder):
    return [{key: value for key, value in line.items() if key != "seconds"} for line in read_log(folder)]


def test_a_tiny_training_learns(trained):
    held_out = [line["held_out"]["dice"] for line in read_log(trained) if "held_out" in line]
    losses = [line["loss"] for line in read_log(trained) if "loss" in line]
    assert held_out[-1] > 0.6 and held_out[-1] > held_out[0] and losses[-1] < losses[0]


def test_a_training_leaves_curves_and_a_bundle_that_calls_itself_simulated(trained):
    assert (trained / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert (trained / "curve.csv").read_text().startswith("step,seconds,loss,rate,dice")
    card = load_bundle(trained / "model").card
    assert card.id == "balls-t1-t2" and card.inputs == ("T1", "T2") and card.training_data["simulated"] is True
    assert card.command == "spine train segmentation --tiny" and card.figures["held_out"]["dice"] > 0.6
    assert "Trained on **simulated data** only" in card.text and "not a medical device" in card.text


def test_the_best_threshold_on_the_held_out_cases_is_told(trained):
    figures = [line["held_out"] for line in read_log(trained) if "held_out" in line][-1]
    assert figures["best_threshold"] in THRESHOLDS and figures["best_dice"] >= figures["dice"] - 1e-9


def test_the_bundle_holds_the_averaged_weights_with_the_best_dice(trained):
    bundle, best = load_bundle(trained / "model"), load_file(trained / "best.safetensors")
    state = bundle.network().state_dict()
    for name, value in state.items():
        # Half precision has eleven significant bits.
        assert torch.allclose(value.float(), best[f"network/{name}"].float(), atol=1e-6, rtol=1e-3), name


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_training_interrupted_by_ctrl_c_gives_the_same_curve_and_weights_as_one_that_was_not(
    tiny, balls, tmp_path, monkeypatch, average
):
    monkeypatch.setattr(driver, "_LOG_STEPS", 2)
    config = tiny(
        optimisation={"steps": 8, "average": average, "schedule": "cosine", "warm_up": 2}, validation={"every": 4}
    )
    torch.set_num_threads(1)
    loop.train(config, balls[2:], balls[:2], tmp_path / "whole")

    def interrupt(text):
        if text.startswith("step 6"):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Cancelled):
        loop.train(config, balls[2:], balls[:2], tmp_path / "parts", report=interrupt)
    assert len(_curve(tmp_path / "parts")) < len(_curve(tmp_path / "whole"))
    loop.train(config, balls[2:], balls[:2], tmp_path / "parts")
    assert _curve(tmp_path / "parts") == _curve(tmp_path / "whole")
    for name in ("last.safetensors", "best.safetensors"):
        one, two = load_file(tmp_path / "whole" / name), load_file(tmp_path / "parts" / name)
        assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_a_kill_in_mid_save_leaves_the_state_before_and_training_goes_on_from_there(tiny, balls, tmp_path, monkeypatch):
    loop.train(tiny(optimisation={"steps": 2}), balls[2:], [], tmp_path)

    replace = os.replace

    def killed(source, target):
        if str(target).endswith("last.safetensors"):
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            loop.train(tiny(optimisation={"steps": 4}), balls[2:], [], tmp_path)
    assert (tmp_path / "last.safetensors.part").is_file()
    with open(tmp_path / "log.jsonl", "a") as log:
        log.write('{"step": 4, "lo')  # A line cut off.
    assert checkpoint.load_checkpoint(tmp_path / "last.safetensors")[1]["step"] == 2
    told = []
    loop.train(tiny(optimisation={"steps": 5}), balls[2:], [], tmp_path, report=told.append)
    assert told[0].startswith("Going on at step 2")
    assert [line["step"] for line in read_log(tmp_path)] == [2, 5]


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile wants a C++ compiler")
def test_a_training_with_a_compiled_network_has_the_same_loss_and_gradients(tiny, balls, tmp_path):
    for name, compile in (("plain", False), ("compiled", True)):
        config = tiny(
            optimisation={"steps": 1, "precision": "float32", "compile": compile},
            sampling={"patch": (8, 8)},
            network={"widths": (2, 4)},
        )
        loop.train(config, balls[2:], [], tmp_path / name)
    plain, compiled = (load_file(tmp_path / name / "last.safetensors") for name in ("plain", "compiled"))
    moments = [key for key in plain if key.endswith("exp_avg")]
    # After one step Adam's first moments are a tenth of the gradients; sums in another order differ by rounding.
    largest = max(float(plain[key].abs().max()) for key in moments)
    assert plain.keys() == compiled.keys() and largest > 1e-3
    for key in moments:
        assert torch.allclose(plain[key], compiled[key], rtol=1e-3, atol=1e-4 * largest), key
    losses = [_curve(tmp_path / name)[0]["loss"] for name in ("plain", "compiled")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert isinstance(
        loop.SegmentationRun(config, [], tmp_path, torch.device("cpu")).learner, torch._dynamo.OptimizedModule
    )


def test_a_finished_training_is_not_trained_again(tiny, balls, tmp_path):
    loop.train(tiny(optimisation={"steps": 2}), balls[2:], [], tmp_path)
    before = (tmp_path / "last.safetensors").read_bytes()
    loop.train(tiny(optimisation={"steps": 2}), balls[2:], [], tmp_path)
    assert (tmp_path / "last.safetensors").read_bytes() == before


def test_a_folder_with_the_training_of_another_network_is_refused(tiny, balls, tmp_path):
    loop.train(tiny(optimisation={"steps": 1}), balls[2:], [], tmp_path)
    with pytest.raises(SpineError, match="another network"):
        loop.train(tiny(optimisation={"steps": 2}, network={"widths": (4, 8, 16)}), balls[2:], [], tmp_path)


def test_a_damaged_state_is_refused_with_one_sentence(tiny, balls, tmp_path):
    (tmp_path / "last.safetensors").write_bytes(b"nothing")
    with pytest.raises(SpineError, match="not a readable state"):
        loop.train(tiny(), balls[2:], [], tmp_path)


def test_a_loss_that_is_no_number_stops_the_training(tiny, balls, tmp_path, monkeypatch):
    monkeypatch.setattr(Run, "train_step", lambda self, batch: float("nan"))
    with pytest.raises(SpineError, match="no number"):
        loop.train(tiny(), balls[2:], [], tmp_path)


def test_a_background_process_draws_the_same_batches(balls):
    data = Steps(balls, SamplingSettings((16, 16), 2), AugmentationSettings(), "volume")
    for step, batch in zip((5, 6), loop._loader(data, 5, 7, workers=1)):
        assert all(torch.equal(a, b) for a, b in zip(batch, data[step]))


def test_the_time_budget_ends_a_training(tiny, balls, tmp_path):
    loop.train(tiny(optimisation={"steps": 10**6, "minutes": 0.01}), balls[2:], [], tmp_path)
    state = checkpoint.load_checkpoint(tmp_path / "last.safetensors")[1]
    assert 0.6 <= state["seconds"] < 5 and 0 < state["step"] < 1000


def test_three_dimensions_and_bfloat16_train_too(tiny, balls, tmp_path):
    values = tiny().to_dict()
    values["network"]["dimensions"] = 3
    values["sampling"] |= {"patch": [16, 32, 32], "batch": 2}
    values["optimisation"] |= {"steps": 3, "precision": "bfloat16", "clip": 1.0}
    config = SegmentationConfig.from_dict(values)
    best = loop.train(config, balls[2:], balls[:1], tmp_path)
    assert np.isfinite(checkpoint.load_checkpoint(best)[1]["figures"]["dice"])
    assert all(value.dtype != torch.bfloat16 for value in load_file(best).values())


def test_the_rate_warms_up_and_falls_to_a_hundredth():
    settings = OptimisationSettings(rate=1.0, schedule="cosine", warm_up=10)
    assert learning_rate(settings, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(settings, 50, 0.5) == pytest.approx(0.505)
    assert learning_rate(settings, 100, 1.0) == pytest.approx(0.01)
    assert learning_rate(OptimisationSettings(), 10**6, 1.0) == 1e-3


def test_starting_from_a_model_takes_its_channels_by_name(tiny, tmp_path):
    torch.manual_seed(5)
    network = UNet(2, 2, (8, 12, 16))
    save_bundle(
        tmp_path / "old",
        network,
        ModelCard(
            id="old",
            title="Old",
            task="metastasis-segmentation",
            licence="",
            patch=(32, 32),
            preparation={},
            network={"type": "unet", "dimensions": 2, "inputs": 2, "widths": [8, 12, 16]},
            inputs=("T1", "T2"),
            training_data={"simulated": True},
        ),
    )
    config = tiny(inputs=("T2", "STIR"), init_from=str(tmp_path / "old"))
    made, first = initial_network(config), network.down[0][0].weight
    assert torch.allclose(made.down[0][0].weight[:, 0], first[:, 1], atol=1e-3)
    assert not torch.allclose(made.down[0][0].weight[:, 1], first[:, 0], atol=1e-2)
    assert torch.allclose(made.last.weight, network.last.weight, atol=1e-3)
    with pytest.raises(SpineError, match="another network"):
        initial_network(tiny(init_from=str(tmp_path / "old"), network={"widths": (8, 12)}))


def test_the_command_trains_goes_on_and_exports_with_figures(ball_cohort, tmp_path, capsys):
    from SpineLib.cli.main import main

    (tmp_path / "x.toml").write_text("""
        workers = 0
        [network]
        widths = [4, 8]
        [preparation]
        slices = 8
        [sampling]
        patch = [16, 16]
        batch = 2
        [validation]
        cases = 1
    """)
    command = [
        "train",
        "segmentation",
        "--config",
        str(tmp_path / "x.toml"),
        "--cohort",
        str(ball_cohort),
        "--inputs",
        "T2",
        "--out",
        str(tmp_path / "run"),
        "--cases",
        "3",
        "--processes",
        "1",
        "--cache",
        str(tmp_path / "cache"),
    ]
    assert main([*command, "--steps", "2"]) == 0
    assert main([*command, "--steps", "3"]) == 0
    assert "Going on at step 2" in capsys.readouterr().out
    (tmp_path / "figures.json").write_text(json.dumps({"dice": 0.5}))
    (tmp_path / "table.md").write_text("| a table |\n")
    assert (
        main(
            [
                "train",
                "export",
                "--run",
                str(tmp_path / "run"),
                "--to",
                str(tmp_path / "balls-t2"),
                "--figures",
                str(tmp_path / "figures.json"),
                "--notes",
                str(tmp_path / "table.md"),
                "--threshold",
                "0.4",
            ]
        )
        == 0
    )
    card = load_bundle(tmp_path / "balls-t2").card
    assert card.id == "balls-t2" and card.inputs == ("T2",) and card.figures["figures"] == {"dice": 0.5}
    assert card.threshold == 0.4 and card.text.endswith("| a table |\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--inputs", "T1,CT"], "'CT' is no sequence"),
        (["--cohort", "nowhere"], "'nowhere' does not exist"),
        (["--config", "nothing"], "no configuration 'nothing'"),
        (["--folds", "3", "--fold", "3"], "fold is 3 of 3"),
        (["--fold", "x"], "must be a number"),
        (["--seed", "-1"], "The seed is -1; give 0 or more"),
    ],
)
def test_wrong_arguments_are_told_in_one_sentence(ball_cohort, tmp_path, capsys, change, words):
    from SpineLib.cli.main import main

    command = [
        "train",
        "segmentation",
        "--config",
        "small-2d",
        "--cohort",
        str(ball_cohort),
        "--out",
        str(tmp_path / "x"),
    ]
    assert main([*command, *change]) == 1
    assert words in capsys.readouterr().err


def test_exporting_what_is_no_training_is_refused(tmp_path, capsys):
    from SpineLib.cli.main import main

    assert main(["train", "export", "--run", str(tmp_path), "--to", str(tmp_path / "model")]) == 1
    assert "no folder of a training" in capsys.readouterr().err


def test_the_latest_weights_may_be_exported_instead_of_the_best_on_few_cases(trained, tmp_path):
    latest, last = export(trained, tmp_path / "latest", last=True), load_file(trained / "last.safetensors")
    state = latest.network().state_dict()
    for name, value in state.items():
        assert torch.allclose(value.float(), last[f"average/{name}"].float(), atol=1e-6, rtol=1e-3), name
    assert "at the last look" in latest.card.text
    assert latest.card.figures["step"] == json.loads((trained / "log.jsonl").read_text().splitlines()[-1])["step"]


def test_the_latest_weights_of_a_training_that_kept_the_best_only_are_refused(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("last.safetensors"))
    with pytest.raises(SpineError, match="holds its best weights only"):
        export(tmp_path / "run", tmp_path / "latest", last=True)
    assert export(tmp_path / "run", tmp_path / "best").card.figures["step"] > 0


def test_an_exported_model_may_be_compact_and_smooth_across_slices(trained, tmp_path):
    from SpineLib.cli.main import main

    assert (
        main(
            [
                "train",
                "export",
                "--run",
                str(trained),
                "--to",
                str(tmp_path / "small"),
                "--compact",
                "--smoothing-mm",
                "2.5",
            ]
        )
        == 0
    )
    small, whole = load_bundle(tmp_path / "small"), load_bundle(trained / "model")
    assert small.card.smoothing_mm == 2.5 and whole.card.smoothing_mm == 0
    stored = load_file(tmp_path / "small" / "weights.safetensors")
    assert all(value.dtype == torch.int8 for name, value in stored.items() if name.endswith("0.weight"))
