"""What a training writes down about itself when it begins: ``training.json`` in its folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from SpineLib.errors import SpineError

FILE = "training.json"

#: How to tell what a training was that began before its kind was written down: by what its settings have.
_TOLD_BY: dict[str, Callable[[dict[str, Any]], bool]] = {
    "gan": lambda config: "latent" in config,
    "completion": lambda config: "crop" in config.get("sampling", {}),
    "ct-lesions": lambda config: "losses" in config,
    "vertebrae": lambda config: "left_out" in config,
    "detection": lambda config: "scales" in config,
}


def write_facts(
    out: Path,
    kind: str,
    command: str,
    config: dict[str, Any],
    data: Mapping[str, Any],
    cases: Mapping[str, Sequence[str]] = {},
) -> None:
    """Write them into the folder, which is made.

    Args:
        out: the training's folder.
        kind: of training, as ``spine train`` calls it: "segmentation", "ct-lesions" ...
        command: what was typed.
        config: all settings.
        data: for the model's card: "simulated", "description" and more.
        cases: names of those trained on ("training"), held out ("held_out") and so on; the card tells how many.
    """
    out.mkdir(parents=True, exist_ok=True)
    counts = {f"{group}_cases": len(names) for group, names in cases.items()}
    facts = {"kind": kind, "command": command, "config": config, "data": {**data, **counts}, "cases": dict(cases)}
    write_json(out / FILE, facts)


def names_of(**groups: Iterable[Any]) -> dict[str, list[str]]:
    """For :func:`write_facts`: the names of the cases of each group."""
    return {group: [case.name for case in cases] for group, cases in groups.items()}


def read_facts(run: Path) -> dict[str, Any]:
    """What stands there.

    Raises:
        SpineError: ``run`` is no folder of a training.
    """
    try:
        return json.loads((run / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpineError(f"'{run}' is no folder of a training; give the folder of 'spine train'.") from error


def kind_of(facts: dict[str, Any]) -> str:
    """Which kind of training they are of, as ``spine train`` calls it."""
    if "kind" in facts:
        return facts["kind"]
    return next((kind for kind, told in _TOLD_BY.items() if told(facts["config"])), "segmentation")


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file in one go."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(values, indent=1), encoding="utf-8")
    temporary.replace(path)
