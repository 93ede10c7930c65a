"""Hille et al. (2020) and Steffen et al. (2020): six networks in a stratified cross-validation by patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from SpineLab.evaluation.segmentation import READERS, evaluate
from SpineLab.studies.figures import box_plot, contours
from SpineLab.studies.numbers import Finding, Spread, alike, better, difference, spread
from SpineLab.studies.page import percent, table, write_study
from SpineLab.studies.state import Patient, StudyFolder, stratified
from SpineLab.training.record import read_log
from SpineLab.training.segmentation.augmentation import AugmentationSettings
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.session import run_training
from SpineLib.cohort.layout import AFTER
from SpineLib.cohort.mr import Cohort, read_cohort
from SpineLib.cohort.table import sessions_of
from SpineLib.geometry.orientation import canonical
from SpineLib.metrics.literature import METASTASES, METASTASES_READERS, NECROSIS, Published
from SpineLib.models import load_bundle
from SpineLib.reports.page import Section
from SpineLib.tasks.segmentation.segment import SegmentSettings
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.resampling import resample_like

#: Samples of a patient in training, each a volume of 64 slices (Hille section 2.2: 63,000 of 35; Steffen section 2.2).
_VOLUMES, _SLICES = 1800, 64
_FIGURES = (("dice", "Dice", "dice"), ("tpr", "Sensitivity", "sensitivity"), ("tnr", "Specificity", "specificity"))


@dataclass(frozen=True)
class Paper:
    """One of the two papers.

    Attributes:
        study: its name as a study.
        title, reference: for the page.
        first, second: its sequences, the better one first.
        label: what is segmented.
        folds: of the cross-validation.
        published: its table, by inputs and dimensions.
    """

    study: str
    title: str
    reference: str
    first: str
    second: str
    label: str
    folds: int
    published: Mapping[tuple[tuple[str, ...], int], Published]

    @property
    def configurations(self) -> dict[str, tuple[tuple[str, ...], int]]:
        """Inputs and dimensions by name, in the order of the papers' tables."""
        inputs = ((self.first,), (self.second,), (self.first, self.second))
        return {f"{d}D {'+'.join(names)}": (names, d) for d in (2, 3) for names in inputs}


HILLE = Paper(
    "hille",
    "Segmentation of spinal metastases on MR",
    "Hille et al. 2020, Spinal metastases segmentation in MR imaging using deep convolutional neural networks",
    "T1",
    "T2",
    "lesion",
    8,
    METASTASES,
)
STEFFEN = Paper(
    "steffen",
    "Segmentation of necrosis after ablation of spinal metastases on MR",
    "Steffen et al. 2020, Automatic segmentation of necrosis zones after radiofrequency ablation of spinal metastases",
    "ceT1",
    "T2",
    "necrosis",
    6,
    NECROSIS,
)


@dataclass(frozen=True)
class Budget:
    """How much is trained.

    Attributes:
        name: "paper" or "small".
        presets: by paper and dimensions.
        changes: sections of settings by dimensions, over the preset's.
        steps: by paper and dimensions, over those of the changes.
        samples: whether the steps are the paper's, 1,800 volumes of each training patient.
        folds: instead of the paper's; 0 is the paper's.
    """

    name: str
    presets: Mapping[str, Mapping[int, str]]
    changes: Mapping[int, dict] = field(default_factory=dict)
    steps: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    samples: bool = False
    folds: int = 0


_SMALL: dict[str, Any] = {
    "workers": 0,
    "network": {"widths": (12, 24, 48, 64)},
    "preparation": {"slices": 32, "in_plane_spacing": 1.5},
    "augmentation": asdict(
        AugmentationSettings(
            mirror=("right-left",),
            scale=(0.9, 1.1),
            rotation_transversal_degrees=5.0,
            rotation_sagittal_degrees=5.0,
            translation_voxels=30.0,
        )
    ),
    "optimisation": {"minutes": 0.0, "warm_up": 20, "rate": 3e-3},
}
BUDGETS = {
    "paper": Budget(
        "paper",
        {
            "hille": {2: "paper-2d", 3: "paper-3d"},
            "steffen": {2: "paper-necrosis-2d", 3: "paper-necrosis-3d"},
        },
        samples=True,
    ),
    # Narrow networks on coarse slices, turned and stretched less than in the papers: two hours leave each of 48 runs
    # a hundred steps of the presets' own. Steps, not minutes, so that a busy machine trains as much as an idle one.
    "small": Budget(
        "small",
        {"hille": {2: "small-2d", 3: "small-3d"}, "steffen": {2: "necrosis-2d", 3: "necrosis-3d"}},
        {
            2: _SMALL | {"sampling": {"patch": (96, 96), "batch": 8, "background_fraction": 0.3}},
            3: _SMALL | {"sampling": {"patch": (32, 64, 64), "batch": 2, "background_fraction": 0.3}},
        },
        # Each patient is seen as often: 35 train a fold of Hille's 40, 21 or 22 one of Steffen's 26. Volumes are
        # trained for about as long as slices: a step takes four times the time.
        {"hille": {2: 1500, 3: 350}, "steffen": {2: 1000, 3: 210}},
    ),
}


def run_study(
    paper: Paper,
    data: Path,
    out: Path,
    budget: Budget,
    *,
    seed: int = 0,
    processes: int = 2,
    device: str = "auto",
    report: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train and measure all configurations on all folds that are not done yet, and write the page.

    Args:
        data: folder or table of patients with both sequences and the mask.
        out: of the study; the same call again goes on.

    Returns:
        ``report.html``.

    Raises:
        SpineError: the data cannot be used, or the folder holds another study.
        Cancelled: Ctrl-C.
    """
    session = AFTER if paper.label == "necrosis" and AFTER in sessions_of(data) else None
    cohort = read_cohort(data, (paper.first, paper.second), labels=(paper.label,), session=session)
    masks = {case.name: case.lesions(paper.label) for case in cohort.cases}
    volumes = {name: float(np.count_nonzero(mask.array)) * mask.voxel_volume_ml for name, mask in masks.items()}
    folds = stratified(volumes, budget.folds or paper.folds, seed)
    configs = {name: _config(paper, budget, *which, seed, session) for name, which in paper.configurations.items()}
    patients = [
        Patient(
            case.name,
            case.origin,
            {key: case.sequences[key] for key in (paper.first, paper.second)}
            | {"mask": case.labels[paper.label]}
            | {key: case.labels.get(key) for key in ("vertebrae", "lesion", "reader1", "reader2")},
            folds[case.name],
        )
        for case in cohort.cases
    ]
    settings = {"seed": seed, "folds": budget.folds or paper.folds} | {k: v.to_dict() for k, v in configs.items()}
    study = StudyFolder(out, paper.study, budget.name, settings, patients)
    rows: list[dict] = []
    for name, config in configs.items():
        for fold in range(budget.folds or paper.folds):
            kept = study.done("folds", name, f"fold-{fold}")
            if kept is None:
                report(f"{name}, fold {fold + 1}")
                kept = _one(paper, budget, cohort, data, study, name, config, fold, processes, device, report)
            rows += [{**row, "configuration": name, "fold": fold} for row in kept["cases"]]
    return _page(paper, study, cohort, rows)


def _config(
    paper: Paper, budget: Budget, inputs: tuple[str, ...], dimensions: int, seed: int, session: str | None
) -> SegmentationConfig:
    config = SegmentationConfig.read(budget.presets[paper.study][dimensions])
    changes = {k: dict(v) if isinstance(v, Mapping) else v for k, v in budget.changes.get(dimensions, {}).items()}
    changes["sampling"] = changes.get("sampling", {}) | {"seed": seed}
    changes["validation"] = changes.get("validation", {}) | {"folds": budget.folds or paper.folds, "every": 0}
    if steps := budget.steps.get(paper.study, {}).get(dimensions):
        changes["optimisation"] = changes.get("optimisation", {}) | {"steps": steps}
    return config.changed(inputs=inputs, label=paper.label, session=session or "", init_from="", **changes)


def _one(
    paper: Paper,
    budget: Budget,
    cohort: Cohort,
    data: Path,
    study: StudyFolder,
    name: str,
    config: SegmentationConfig,
    fold: int,
    processes: int,
    device: str,
    report: Callable[[str], None],
) -> dict:
    """Train on the other folds, segment this one's patients, keep their masks and figures."""
    held = [one.name for one in study.patients if one.fold == fold]
    config = config.changed(validation={"fold": fold})
    if budget.samples:
        trained_on = len(study.patients) - len(held)
        samples = _VOLUMES * trained_on * (_SLICES if config.network.dimensions == 2 else 1)
        config = config.changed(optimisation={"steps": samples // config.sampling.batch})
    run = study.part("runs", name.replace(" ", "-"), f"fold-{fold}")
    run_training(
        config,
        data,
        run,
        cache=study.part("prepared", "cases").parent,
        processes=processes,
        held_out=held,
        command=f"spine study {study.study} --budget {study.budget}",
        model_id=f"{study.study}-{name.lower().replace(' ', '-').replace('+', '-')}-fold-{fold}",
        report=report,
    )
    own = replace(cohort, cases=tuple(case for case in cohort.cases if case.name in held))
    place = study.part("masks", name.replace(" ", "-"), "mask").parent
    found = evaluate(
        own,
        [load_bundle(run / "model")],
        SegmentSettings(device=device),
        label=paper.label,
        keep=lambda case, mask: write_volume(mask, place / f"{case}.nii.gz"),
    )
    minutes = max((line["seconds"] for line in read_log(run)), default=0.0) / 60
    return study.keep(
        {"cases": found.cases, "lesions": found.lesions, "minutes": minutes}, "folds", name, f"fold-{fold}"
    )


def _page(paper: Paper, study: StudyFolder, cohort: Cohort, rows: list[dict]) -> Path:
    figures = by_patient(rows)
    minutes = {
        name: sum(study.done("folds", name, f"fold-{fold}")["minutes"] for fold in {one.fold for one in study.patients})
        for name in paper.configurations
    }
    lines = table_one(paper, figures, rows)
    heads = ["", "", *paper.configurations, "two readers"]
    plots = "".join(
        box_plot(
            {name: list(figures[name][key].values()) for name in paper.configurations}, f"{title} by configuration"
        )
        for key, title, _ in _FIGURES[:2]
    )
    sections = [
        Section("Table 1: mean (95 % by patient) ± standard deviation, in per cent", table(heads, lines)),
        Section("Boxes: quartiles and median; whiskers to the last value within 1.5 box heights", plots),
        Section("Contours: reference green, found blue", _pictures(paper, study, cohort, figures)),
    ]
    return write_study(study, paper.title, paper.reference, findings(paper, figures), sections, minutes)


def by_patient(rows: list[dict]) -> dict[str, dict[str, dict[str, float]]]:
    """Figures by configuration (and the two readers), key and patient; Dice and sensitivity of patients with lesion."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        name = READERS if row["model"] == READERS else row["configuration"]
        for key, _, _ in _FIGURES:
            own = found.setdefault(name, {}).setdefault(key, {})
            if row[key] is not None and (key == "tnr" or row["reference_ml"] > 0):
                own[row["case"]] = row[key]
    return found


def table_one(paper: Paper, figures: dict, rows: list[dict]) -> list[list[str]]:
    """Lines of the papers' table: for each figure this data's, its means over folds, and the published one."""
    lines = []
    for key, title, published in _FIGURES:
        readers = spread(list(figures.get(READERS, {}).get(key, {}).values()))
        here = [percent(spread(list(figures[name][key].values()))) for name in paper.configurations]
        lines.append([title, "here, over patients", *here, percent(readers)])
        lines.append(["", "here, over folds", *(_over_folds(rows, name, key) for name in paper.configurations), ""])
        told = [paper.published[which].spread(published) for which in paper.configurations.values()]
        lines.append(["", "published", *told, METASTASES_READERS.spread(published) if paper is HILLE else ""])
    return lines


def _over_folds(rows: list[dict], name: str, key: str) -> str:
    own = [row for row in rows if row["configuration"] == name and row["model"] != READERS]
    usable = [row for row in own if row[key] is not None and (key == "tnr" or row["reference_ml"] > 0)]
    means = [
        float(np.mean([row[key] for row in usable if row["fold"] == fold]))
        for fold in sorted({r["fold"] for r in usable})
    ]
    return f"{100 * np.mean(means):.1f} ± {100 * np.std(means):.1f}" if means else "–"


def findings(paper: Paper, figures: dict) -> list[Finding]:
    """What the papers conclude, on this data."""
    one, two, both = paper.first, paper.second, f"{paper.first}+{paper.second}"
    dice = {name: figures[name]["dice"] for name in paper.configurations}
    told = {name: paper.published[which].dice[0] for name, which in paper.configurations.items()}

    def pair(first: str, second: str) -> tuple[str, Spread]:
        return f"{told[first]} and {told[second]} % Dice", difference(dice[first], dice[second])

    found = [
        better(f"{one} alone is better than {two} alone, slice by slice", *pair(f"2D {one}", f"2D {two}")),
        better(f"{one} alone is better than {two} alone, as volumes", *pair(f"3D {one}", f"3D {two}")),
        alike(f"{two} added to {one} hardly changes the mean", *pair(f"2D {both}", f"2D {one}")),
        _steadier(f"{two} added to {one} lets patients differ less", dice[f"2D {one}"], dice[f"2D {both}"], paper),
        better("slices are better than volumes", *_dimensions(paper, dice, told)),
    ]
    if paper is HILLE:
        gap = difference(dice[f"2D {both}"], figures.get(READERS, {}).get("dice", {}))
        found.append(alike("as good as a second reader", "77.6 and 79.4 % Dice", gap))
    return found


def _dimensions(paper: Paper, dice: dict, told: dict) -> tuple[str, Spread]:
    means: list[dict[str, float]] = []
    for d in (2, 3):
        own = [dice[name] for name, which in paper.configurations.items() if which[1] == d]
        common = set.intersection(*(set(one) for one in own))
        means.append({name: float(np.mean([one[name] for one in own])) for name in common})
    gap = np.mean([told[n] for n, w in paper.configurations.items() if w[1] == 2]) - np.mean(
        [told[n] for n, w in paper.configurations.items() if w[1] == 3]
    )
    return f"{gap:+.1f} % Dice on average", difference(means[0], means[1])


def _steadier(statement: str, alone: dict[str, float], both: dict[str, float], paper: Paper) -> Finding:
    """By the bootstrap of the difference of standard deviations, patients drawn in pairs."""
    names = [name for name in alone if name in both]
    which = [((paper.first,), 2), ((paper.first, paper.second), 2)]
    published = " and ".join(f"± {paper.published[one].dice[1]} %" for one in which)
    if len(names) < 2:
        return Finding(statement, published, "not measured", "undecided")
    values = np.array([[alone[name], both[name]] for name in names])
    drawn = values[np.random.default_rng(1).integers(len(names), size=(10_000, len(names)))].std(axis=1)
    gaps, gap = drawn[:, 0] - drawn[:, 1], values[:, 0].std() - values[:, 1].std()
    low, high = np.quantile(gaps, (0.025, 0.975))
    return better(statement, published, Spread(float(gap), float(low), float(high), 0.0, float(gap), len(names)))


def _pictures(paper: Paper, study: StudyFolder, cohort: Cohort, figures: dict) -> str:
    """The best, a middling and the worst patient, each with both sequences and the three networks of slices."""
    both = f"2D {paper.first}+{paper.second}"
    ranked = sorted(figures[both]["dice"], key=figures[both]["dice"].__getitem__)
    if not ranked:
        return "<p>No patient has a lesion.</p>"
    chosen = dict.fromkeys([ranked[-1], ranked[len(ranked) // 2], ranked[0]])
    cases = {case.name: case for case in cohort.cases}
    parts = []
    for name in chosen:
        case = cases[name]
        image = read_volume(case.sequences[paper.first], paper.first)
        truth = _on(case.lesions(paper.label), image)
        where = int(truth.sum(axis=(1, 2)).argmax())
        base, _ = canonical(image)
        pixel = (base.spacing[1], base.spacing[0])
        parts.append(f"<h3>{name} ({case.origin})</h3>")
        second = resample_like(read_volume(case.sequences[paper.second], paper.second), image)
        for title, volume in ((paper.first, image), (paper.second, second)):
            grey = canonical(volume)[0].array[where]
            parts.append(contours(grey, truth[where], np.zeros_like(truth[where]), pixel, f"{title} and reference"))
        for configuration in list(paper.configurations)[:3]:
            file = study.folder / "masks" / configuration.replace(" ", "-") / f"{name}.nii.gz"
            found = _on(read_volume(file, "mask"), image)
            dice = figures[configuration]["dice"].get(name, float("nan"))
            text = f"{configuration}: Dice {100 * dice:.1f} %"
            parts.append(contours(base.array[where], truth[where], found[where], pixel, text))
    return "".join(parts)


def _on(mask: Volume, image: Volume) -> np.ndarray:
    """Where a mask is, on the image's grid in canonical order (s, y, x)."""
    return canonical(resample_like(mask, image, nearest=True))[0].array > 0
