"""Results as JSON: what JSON does not have is null, and every letter stands as it is."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest

from SpineLib.json_text import json_text, plain


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_null_wherever_it_stands(value):
    text = json_text({"a": value, "b": [1.5, (value, "x")], "c": MappingProxyType({"d": value})})
    assert json.loads(text) == {"a": None, "b": [1.5, [None, "x"]], "c": {"d": None}}


def test_letters_stay_as_they_are_and_the_file_ends_with_a_line():
    assert json_text({"name": "Wirbelkörper ≥ 3"}) == '{\n  "name": "Wirbelkörper ≥ 3"\n}\n'


def test_plain_values_stay_what_they_are():
    value = {"a": [1, 2.5, True, None, "x"]}
    assert plain(value) == value
