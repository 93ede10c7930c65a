"""Miao et al.: vertebrae on CT by V-Net and U-Net, lesions by Faster R-CNN, slices repaired by WGAN-GP and DCGAN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from SpineLab.evaluation.ct_lesions import evaluate_ct_lesions
from SpineLab.evaluation.gan import compare_gans
from SpineLab.evaluation.vertebrae import cross_validation, table_one
from SpineLab.studies.figures import curves
from SpineLab.studies.numbers import Finding, better, difference, spread
from SpineLab.studies.page import percent, table, write_study
from SpineLab.studies.state import Patient, StudyFolder, stratified
from SpineLab.training.ct_lesions import loop as lesions
from SpineLab.training.ct_lesions.config import CtLesionConfig
from SpineLab.training.gan import loop as gan
from SpineLab.training.gan.config import GanConfig
from SpineLab.training.gan.stacks import Stack, read_stacks
from SpineLab.training.record import read_log
from SpineLab.training.vertebrae import loop as vertebrae
from SpineLab.training.vertebrae.config import VertebraConfig
from SpineLib.cohort.ct import CtCase, read_ct_cohort
from SpineLib.errors import SpineError
from SpineLib.metrics.average_precision import precision_recall
from SpineLib.metrics.literature import CT_LESIONS, VERTEBRAE
from SpineLib.models import load_bundle
from SpineLib.networks.gan import Gan
from SpineLib.reports.page import Section
from SpineLib.tasks.ct.lesions import CtLesionSettings
from SpineLib.tasks.inpainting.gan import GanSettings
from SpineLib.volume.segments import read_mask

FOLDS = 10
#: Of the ten folds these are the test of the detector and of the GANs, which the paper does not cross-validate.
_TEST = (0, 1)
#: Miao et al., section III.D: of slices repaired by WGAN-GP.
_KMMD = 0.001084
_GANS = ("wgan-gp", "dcgan")


@dataclass(frozen=True)
class Budget:
    """How much is trained; attributes as of :class:`SpineLab.studies.segmentation.Budget`.

    Attributes:
        nets: presets of V-Net and U-Net.
        detector: preset.
        gans: presets of WGAN-GP and DCGAN.
        changes: sections by "nets", "detector" and "gans".
        slices: holes in single slices that the GANs fill.
        descent: steps of it.
    """

    name: str
    nets: tuple[str, str]
    detector: str
    gans: tuple[str, str]
    changes: Mapping[str, dict] = field(default_factory=dict)
    slices: int = 64
    descent: int | None = None
    folds: int = FOLDS


BUDGETS = {
    "paper": Budget("paper", ("vnet-paper", "unet-paper"), "faster-rcnn-vgg16", ("paper-wgan-gp", "paper-dcgan")),
    # By steps, not by the clock, so that a busy machine trains as much as an idle one.
    "small": Budget(
        "small",
        ("vnet-narrow", "unet-ct"),
        "lesions-ct",
        ("wgan-gp", "dcgan"),
        {
            "nets": {"optimisation": {"minutes": 0.0, "steps": 150, "warm_up": 10}, "validation": {"every": 50}},
            "detector": {"optimisation": {"minutes": 0.0, "steps": 900}, "validation": {"every": 450}},
            "gans": {"optimisation": {"minutes": 0.0, "steps": 1200}},
        },
    ),
}


def run_study(
    data: Path,
    out: Path,
    budget: Budget,
    *,
    seed: int = 0,
    processes: int = 2,
    device: str = "auto",
    report: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train and measure what is not done yet, and write the page; the same call again goes on.

    Raises:
        SpineError: the data cannot be used, or the folder holds another study.
        Cancelled: Ctrl-C.
    """
    cases = read_ct_cohort(data)
    counts = {case.name: _bone_ml(case) for case in cases}
    folds = stratified(counts, budget.folds, seed)
    test = [case for case in cases if folds[case.name] in _TEST]
    if len(test) == len(cases):
        raise SpineError("All patients are in the test; give more patients.")
    nets = {
        n: _changed(VertebraConfig.read(preset), budget, "nets", seed)
        for n, preset in zip(VERTEBRAE, budget.nets[::-1])
    }
    nets = {
        name: config.changed(validation={"folds": budget.folds, "training_cases": 2}) for name, config in nets.items()
    }
    detector = _changed(CtLesionConfig.read(budget.detector), budget, "detector", seed)
    gans = {n: _changed(GanConfig.read(preset), budget, "gans", seed) for n, preset in zip(_GANS, budget.gans)}
    settings = {
        "seed": seed,
        "folds": budget.folds,
        "slices": budget.slices,
        **{name: config.to_dict() for name, config in (*nets.items(), ("Faster R-CNN", detector), *gans.items())},
    }
    patients = [
        Patient(
            case.name,
            case.origin,
            {"CT": case.ct, "vertebrae": case.vertebrae, "mask": case.lesion, "intact": case.intact},
            folds[case.name],
        )
        for case in cases
    ]
    study = StudyFolder(out, "miao", budget.name, settings, patients)
    for name, config in nets.items():
        for fold in range(budget.folds):
            if study.done("nets", name, f"fold-{fold}") is None:
                report(f"{name}, fold {fold + 1}")
                _net(study, name, config, fold, data, processes, report)
    if study.done("detector") is None:
        report("Faster R-CNN")
        _detector(study, detector, cases, test, data, processes, device, report)
    if study.done("gans") is None:
        _gans(study, gans, cases, test, budget, seed, report)
    return _page(study, nets)


def _bone_ml(case: CtCase) -> float:
    mask = read_mask(case.vertebrae, "vertebrae")
    return float(np.count_nonzero(mask.array)) * mask.voxel_volume_ml


def _changed(config, budget: Budget, part: str, seed: int):
    changes = {k: dict(v) if isinstance(v, Mapping) else v for k, v in budget.changes.get(part, {}).items()}
    return config.changed(**changes | {"sampling": changes.get("sampling", {}) | {"seed": seed}})


def _minutes(run: Path) -> float:
    return max((line["seconds"] for line in read_log(run)), default=0.0) / 60


def _net(study: StudyFolder, name: str, config: VertebraConfig, fold: int, data: Path, processes: int, report) -> None:
    run = study.part("runs", name, f"fold-{fold}")
    vertebrae.run_training(
        config.changed(validation={"fold": fold}),
        [] if all(one.origin == "real" for one in study.patients) else [data],
        run,
        real_cohorts=[data] if all(one.origin == "real" for one in study.patients) else [],
        cache=study.part("prepared", "cases").parent,
        processes=processes,
        held_out=[one.name for one in study.patients if one.fold == fold],
        command=f"spine study miao --budget {study.budget}",
        model_id=f"miao-{name.lower()}-{fold}",
        report=report,
    )
    by_case = vertebrae.figures_by_case(run, study.part("prepared", "cases").parent)
    study.keep({"by_case": by_case, "minutes": _minutes(run)}, "nets", name, f"fold-{fold}")


def _detector(study: StudyFolder, config, cases, test, data: Path, processes: int, device: str, report) -> None:
    run = study.part("runs", "faster-rcnn")
    bundle = lesions.run_training(
        config,
        data,
        run,
        cache=study.part("prepared", "cases").parent,
        processes=processes,
        held_out=[case.name for case in test],
        command=f"spine study miao --budget {study.budget}",
        model_id="miao-faster-rcnn",
        report=report,
    )
    found = evaluate_ct_lesions(test, load_bundle(bundle.folder), CtLesionSettings(device=device))
    each = {
        one.name: precision_recall([one.slices[n] for n in one.keys]).average_precision
        for one in found.cases
        if len(one.keys)
    }
    study.keep(
        {
            "average_precision": found.key_slices.average_precision,
            "by_case": each,
            "images_a_second": found.images_a_second,
            "device": found.device,
            "minutes": _minutes(run),
        },
        "detector",
    )


def _gans(study: StudyFolder, configs, cases, test, budget: Budget, seed: int, report) -> None:
    names = {case.name for case in test}
    files = [(case.name, case.whole, case.simulated) for case in cases]
    stacks = read_stacks(files, study.part("prepared", "slices"), lambda fraction, text: report(text))
    training, held = [s for s in stacks if s.patient not in names], [s for s in stacks if s.patient in names]
    models, minutes = {}, {}
    for name, config in configs.items():
        report(name)
        run = study.part("runs", name)
        bundle = gan.run_training(
            config,
            training,
            run,
            sources=f"Vertebrae of {len({s.patient for s in training})} CTs of the study.",
            command=f"spine study miao --budget {study.budget}",
            model_id=f"miao-{name}",
            report=report,
        )
        models[name], minutes[name] = cast(Gan, bundle.network()), _minutes(run)
    settings = GanSettings() if budget.descent is None else GanSettings(steps=budget.descent)
    compared = compare_gans(_some(held), models, settings, 1.0, budget.slices, seed + 1)
    dice = {one.method: one.dice.tolist() for one in compared.filled if one.holes == "slices"}
    study.keep({"rows": compared.rows(), "dice": dice, "minutes": minutes}, "gans")


def _some(stacks: list[Stack], most: int = 12) -> list[Stack]:
    """At most so many, evenly chosen."""
    return [stacks[n] for n in np.unique(np.linspace(0, len(stacks) - 1, most).astype(int))]


def _page(study: StudyFolder, nets: Mapping[str, VertebraConfig]) -> Path:
    folds = range(max(one.fold for one in study.patients) + 1)
    kept = {name: [study.done("nets", name, f"fold-{fold}") for fold in folds] for name in nets}
    each = {name: {k: v for fold in done for k, v in fold["by_case"].items()} for name, done in kept.items()}
    iou = {name: {case: one["iou"] for case, one in cases.items()} for name, cases in each.items()}
    ours = [cross_validation(study.folder / "runs" / name) for name in nets]
    simulated = any(one.origin != "real" for one in study.patients)
    detector, gans = study.done("detector"), study.done("gans")
    by_patient = ["held out", *(percent(spread(list(iou[name].values()))) for name in nets)]
    heads = ["IoU by patient (95 %) ± standard deviation, %", *nets]
    drawn = "".join(_curves(study, nets, key, title) for key, title in (("loss", "Loss"), ("iou", "IoU")))
    parts = [
        Section("Table I: loss and IoU, ten-fold", _html(table_one(ours, simulated)) + table(heads, [by_patient])),
        Section("Loss and IoU in training (fold 1)", drawn),
        Section("Lesions: average precision and speed", _precision(detector)),
        Section("Repair of single slices", _repairs(gans)),
    ]
    minutes = {name: sum(fold["minutes"] for fold in done) for name, done in kept.items()}
    minutes |= {"Faster R-CNN": detector["minutes"], **gans["minutes"]}
    title, reference = "Repair of vertebrae on CT", "Miao et al., Spinal neoplasm image inpainting"
    return write_study(study, title, reference, _findings(iou, detector, gans), parts, minutes)


def _findings(iou: Mapping[str, Mapping[str, float]], detector: dict, gans: dict) -> list[Finding]:
    told = f"{VERTEBRAE['V-Net'].held_out_iou:.4f} and {VERTEBRAE['U-Net'].held_out_iou:.4f}"
    found = [better("V-Net segments vertebrae better than U-Net", told, difference(iou["V-Net"], iou["U-Net"]))]
    dice = {name: dict(enumerate(map(float, values))) for name, values in gans["dice"].items()}
    gap = difference({str(k): v for k, v in dice["wgan-gp"].items()}, {str(k): v for k, v in dice["dcgan"].items()})
    one = better("WGAN-GP repairs slices better than DCGAN", "in words; KMMD 0.001084", gap)
    found.append(Finding(one.statement, one.published, one.here.replace("patients", "holes"), one.verdict))
    precision = detector["average_precision"]
    verdict = "comes out again" if precision >= 0.9 * CT_LESIONS.average_precision else "does not come out"
    found.append(
        Finding(
            "Faster R-CNN finds lesions with a precision of 0.77",
            f"{CT_LESIONS.average_precision}",
            f"{precision:.3f}",
            verdict,
        )
    )
    return found


def _precision(detector: dict) -> str:
    here = percent(spread(list(detector["by_case"].values())))
    speed = f"{detector['images_a_second']:.2f} ({detector['device']})"
    told = CT_LESIONS
    return table(
        ["", "average precision", "by patient (95 %), %", "images a second"],
        [
            ["here", f"{detector['average_precision']:.4f}", here, speed],
            [told.what, f"{told.average_precision:.4f}", "–", f"{told.images_a_second:.2f} (GPU)"],
        ],
    )


def _repairs(gans: dict) -> str:
    rows = [
        [row["method"], f"{row['kmmd']:.6f}", f"{row['dice']:.3f}", f"{row['kmmd_made']:.4f}"]
        for row in gans["rows"]
        if row["holes"] == "slices"
    ]
    heads = ["", "KMMD of repaired slices", "Dice in the hole", "KMMD of made images"]
    text = (
        "The paper names neither kernel nor bandwidth of its KMMD. PGGAN is left out: the paper gives no figure of it."
    )
    return table(heads, [*rows, ["WGAN-GP, published", f"{_KMMD}", "–", "–"]]) + f"<p>{text}</p>"


def _curves(study: StudyFolder, nets: Mapping[str, VertebraConfig], key: str, title: str) -> str:
    lines: dict[str, list[tuple[float, float]]] = {}
    for name in nets:
        looks = [one for one in read_log(study.folder / "runs" / name / "fold-0") if "held_out" in one]
        for part, text in (("", "held out"), ("training_", "trained on")):
            points = [(one["step"], one["held_out"][part + key]) for one in looks if part + key in one["held_out"]]
            if points:
                lines[f"{name}, {text}"] = points
    return curves(lines, title, "steps")


def _html(markdown: str) -> str:
    """A Markdown table as HTML."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.strip().splitlines()]
    return table(lines[0], lines[2:])
