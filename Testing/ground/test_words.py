"""Sentences that count, progress that ends once, and options that mean one thing."""

from __future__ import annotations

import argparse
import importlib

import pytest

from SpineLib.progress import DONE, part
from SpineLib.words import counted


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((1, "lesion"), "1 lesion"),
        ((2, "lesion"), "2 lesions"),
        ((0, "lesion"), "0 lesions"),
        ((1, "necrosis", "necroses"), "1 necrosis"),
        ((3, "necrosis", "necroses"), "3 necroses"),
        ((0, "metastasis", "metastases", "no"), "no metastases"),
    ],
)
def test_one_is_one_and_several_are_several(arguments, words):
    assert counted(*arguments) == words


def test_a_step_that_is_done_does_not_say_that_all_is():
    told = []
    whole = part(lambda fraction, text: told.append((round(fraction, 3), text)), 0.0, 1.0)
    for start, end in ((0.0, 0.4), (0.4, 0.8), (0.8, 1.0)):
        step = part(whole, start, end)
        step(0.5, "Working")
        step(1.0, DONE)
    assert told == [(0.2, "Working"), (0.6, "Working"), (0.9, "Working"), (1.0, DONE)]


def options(command):
    parser = argparse.ArgumentParser()
    importlib.import_module(f"SpineLib.cli.{command}").add_arguments(parser)
    return {name: action for action in parser._actions for name in action.option_strings}


def test_an_option_of_one_name_means_the_same_in_every_command():
    """--model is a network, --margin the margin of an ablation, --csv a table."""
    known = {
        name: options(name) for name in ("segment", "detect", "inpaint", "followup", "compare", "register", "export")
    }
    for command in ("segment", "detect", "inpaint"):
        assert "model id or folder" in known[command]["--model"].help
    assert {name for name, found in known.items() if "--margin" in found} == {"followup", "compare"}
    assert all("margin to be reached" in known[name]["--margin"].help for name in ("followup", "compare"))
    assert not [name for name, found in known.items() if "--table" in found or "--weights" in found]
