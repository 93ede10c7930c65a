"""Fine-tuning on corrected patients: simulated ones mixed in, judged on those held back, offered beside the former."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from SpineLab.learning.plan import Part, plan
from SpineLab.learning.side_by_side import NEW, OLD, markdown, side_by_side
from SpineLab.learning.simulated import simulated_cohort
from SpineLab.learning.training import TuneSettings, configuration, train_part
from SpineLib.cohort.corrections import (
    LABEL_OF_TARGET,
    WORK,
    Correction,
    read_corrections,
    read_state,
    write_comparison,
    write_state,
)
from SpineLib.cohort.mr import Cohort, read_cohort
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text, plain
from SpineLib.models import ModelBundle, ModelCard, find_bundle, load_bundle, save_bundle
from SpineLib.progress import Progress, part, silent
from SpineLib.volume.files import write_text
from SpineLib.volume.json_object import json_object

#: What is expected to take how long, seconds, for a progress that goes evenly: a simulated patient, an evaluated one.
_SIMULATED_S, _EVALUATED_S = 5.0, 12.0


def tune(folder: Path, model: str, settings: TuneSettings = TuneSettings(), progress: Progress = silent) -> dict:
    """Train a new model from the corrected patients in ``folder``; a second call goes on where one was interrupted.

    The training starts from ``model``, or where that one has learned from local patients itself, from the model that it
    came from: so no patient is judged by weights that have seen it.

    Args:
        folder: of the training set.
        model: id or folder of the model in use.
        settings: time and mixture.
        progress: may raise ``Cancelled``; what was trained until then is kept.

    Returns:
        The comparison, see :func:`SpineLab.learning.side_by_side.side_by_side`, with "promise", "model" (id of the new
        one), "base", "patients" and "left_out"; it is kept in the folder, the bundle in ``learning/proposed``.

    Raises:
        SpineError: there is no patient with the model's sequences, or the model is of another kind.
        Cancelled: by ``progress``.
    """
    base = base_of(find_bundle(model))
    label = label_of(base.card)
    every = read_corrections(folder)
    inputs = inputs_for(base.card, [one for one in every if one.label == label])
    usable = [one for one in every if one.label == label and set(inputs) <= set(one.images)]
    if not usable or not inputs:
        wanted = " or " if base.card.takes_any else " and "
        raise SpineError(
            f"No patient of the training set has {wanted.join(base.card.inputs)}, which the model "
            f"'{base.card.id}' looks at; add corrected patients first."
        )
    work = folder / WORK
    key = {
        "base": base.card.sha256,
        "patients": [[one.patient, one.person, one.images, one.lesions] for one in usable],
        "settings": settings.to_dict(),
    }
    _begin(work, json.loads(json_text(key)))
    plans = plan(usable, settings.seed)
    training = settings.minutes * 60
    judged = sum(len(one.held_out) for one in plans.parts)
    steps: list[tuple[float, str]] = [
        (_SIMULATED_S * (settings.simulated + settings.tests), "simulate"),
        (training, "train"),
        (_EVALUATED_S * 2 * (judged + settings.tests), "judge"),
    ]
    whole = sum(seconds for seconds, _ in steps)
    ends, start = {}, 0.0
    for seconds, name in steps:
        ends[name] = part(progress, start, start := min(start + seconds / whole, 1.0))
    mixed, fixed = (
        simulated_cohort(work / "simulated" / name, inputs, label, count, seed, settings.processes, inner)
        for name, count, seed, inner in (
            ("training", settings.simulated, 4242, part(ends["simulate"], 0.0, 0.7)),
            ("test", settings.tests, 7919, part(ends["simulate"], 0.7, 1.0)),
        )
    )
    local = read_cohort(folder, inputs, labels=(label,))
    bundles, done = {}, 0.0
    for one in plans.parts:
        config = configuration(base, label, settings, minutes=settings.minutes * one.share)
        inner = part(ends["train"], done, min(done := done + one.share, 1.0))
        weights = train_part(work, config, inputs, one, local, mixed, settings, _named(inner, _words(one, plans.parts)))
        bundles[one.name] = _bundle(work / "bundles" / one.name, base, weights, f"{base.card.id}-{one.name}"[:64])
    final = bundles["all"]
    evaluations = []
    done, total = 0, max(judged + settings.tests, 1)
    for one in plans.parts:
        if one.held_out:
            share = part(ends["judge"], done / total, min((done := done + len(one.held_out)) / total, 1.0))
            held = _only(local, one.held_out)
            evaluations.append(("patients", *_judged(work, one.name, held, base, bundles[one.name], label, share)))
    share = part(ends["judge"], done / total, 1.0)
    evaluations.append(("simulated", *_judged(work, "simulated", fixed, base, final, label, share)))
    comparison = side_by_side(evaluations)
    state = read_state(folder)
    comparison |= {
        "promise": plans.promise,
        "patients": len(usable),
        "simulated_patients": len({one.person for one in usable if one.simulated}),
        "left_out": len(every) - len(usable),
        "base": base.card.id,
        "model": _new_id(base.card.id, state.trained + 1),
    }
    _propose(work / "proposed", final, base, usable, comparison, settings, state.trained + 1)
    write_comparison(folder, comparison)
    write_state(
        folder,
        replace(state, proposed=comparison["model"], trained=state.trained + 1, base=base.card.id),
    )
    shutil.rmtree(work / "run", ignore_errors=True)
    shutil.rmtree(work / "bundles", ignore_errors=True)
    progress(1.0, "Done")
    return plain(comparison)


def base_of(bundle: ModelBundle) -> ModelBundle:
    """The bundle itself, or the one that it came from where it has learned from local patients.

    Raises:
        SpineError: that one is not installed any more, or the model is none that can be trained on.
    """
    card = bundle.card
    if card.network["type"] != "unet" or card.task not in ("metastasis-segmentation", "necrosis-segmentation"):
        raise SpineError(f"The model '{card.id}' is for {card.task}; choose one that segments metastases or necrosis.")
    return find_bundle(card.training_data["base"]) if card.training_data.get("base") else bundle


def inputs_for(card: ModelCard, patients: Sequence[Correction]) -> tuple[str, ...]:
    """Sequences to learn from: all of the model's, or where it takes any those that most patients have together.

    Of several such sets that as many patients have, the largest.
    """
    if not card.takes_any:
        return card.inputs
    sets = {card.inputs_of(one.images) for one in patients} - {()}
    counted = {one: sum(set(one) <= set(patient.images) for patient in patients) for one in sets}
    return max(sorted(sets), key=lambda one: (counted[one] * len(one), len(one)), default=())


def label_of(card: ModelCard) -> str:
    """What is corrected of a model's results: "lesion" or "necrosis"."""
    return LABEL_OF_TARGET[card.target]


def _begin(work: Path, key: dict[str, Any]) -> None:
    """Take up what was begun for the same patients, model and settings; else throw it away."""
    run = work / "run"
    if json_object(run / "key.json") != key:
        for name in ("run", "bundles"):
            shutil.rmtree(work / name, ignore_errors=True)
        run.mkdir(parents=True)
        write_text(run / "key.json", json_text(key))


def _judged(
    work: Path, name: str, cohort: Cohort, base: ModelBundle, new: ModelBundle, label: str, progress: Progress
) -> tuple[dict[str, str], list[dict], list[dict]]:
    """Rows by case and by lesion of both models; kept, so that an interruption loses at most one group."""
    from SpineLab.evaluation.segmentation import evaluate

    path, who = work / "run" / f"judged-{name}.json", {base.card.id: OLD, new.card.id: NEW}
    if not (kept := json_object(path)):
        inner = _named(progress, "Judging")
        result = evaluate(cohort, [base, new], label=label, progress=inner)
        kept = {"cases": result.cases, "lesions": result.lesions}
        write_text(path, json.dumps(kept, default=float))
    return who, kept["cases"], kept["lesions"]


def _bundle(target: Path, base: ModelBundle, weights: dict, identifier: str) -> ModelBundle:
    if (target / "model.json").is_file():
        return load_bundle(target)
    network = base.network()
    network.load_state_dict(weights)
    return save_bundle(target, network, replace(base.card, id=re.sub(r"[-._]+$", "", identifier)))


def _propose(
    target: Path,
    final: ModelBundle,
    base: ModelBundle,
    usable: Sequence[Correction],
    comparison: dict,
    settings: TuneSettings,
    number: int,
) -> None:
    count = len({one.person for one in usable})
    who = f"{count} local patient" + ("s" if count > 1 else "")
    if comparison["simulated_patients"]:
        who += f", {comparison['simulated_patients']} of them simulated"
    data = f"Trained on simulated data and {who}."
    card = replace(
        base.card,
        id=comparison["model"],
        title=f"{base.card.title}, and {count} local patient{'s' if count > 1 else ''}"[:120],
        version="1",
        training_data={
            "simulated": True,
            "description": data,
            "base": base.card.id,
            "base_sha256": base.card.sha256,
            "local_patients": count,
            "local_number": number,
        },
        figures={"side_by_side": plain(comparison["summary"]), "minutes_trained": settings.minutes},
        command="spine learn tune",
        text=f"# {base.card.title}\n\n{base.card.notice}. {data}\n\n"
        f"It goes on from the model `{base.card.id}`. {comparison['promise']}\n\n{markdown(comparison)}",
    )
    shutil.rmtree(target, ignore_errors=True)
    save_bundle(target, final.network(), card)


def _new_id(base: str, number: int) -> str:
    ending = f"-local-{number}"
    return f"{base[: 64 - len(ending)]}{ending}"


def _only(cohort: Cohort, names: Sequence[str]) -> Cohort:
    return replace(cohort, cases=tuple(case for case in cohort.cases if case.name in names))


def _words(one: Part, parts: Sequence[Part]) -> str:
    if len(parts) == 1:
        return "Training"
    number = [other.name for other in parts].index(one.name)
    return f"Training {number + 1} of {len(parts)}"


def _named(progress: Progress, name: str) -> Callable[[float, str], None]:
    return lambda fraction, text: progress(fraction, f"{name}: {text}" if text else name)
