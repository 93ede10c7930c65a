"""A whole training: cohort, preparation, split, loop, bundle."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from SpineLab.training import ranks
from SpineLab.training.cases import refuse_doubles
from SpineLab.training.export import Labels
from SpineLab.training.facts import names_of, write_facts
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.dataset import PreparedCase, cache_folder, prepare_cases
from SpineLab.training.segmentation.export import export
from SpineLab.training.segmentation.folds import split_cases
from SpineLab.training.segmentation.loop import train
from SpineLab.training.split import apart
from SpineLib.cohort.mr import Cohort, described, read_cohort
from SpineLib.errors import SpineError
from SpineLib.models import ModelBundle, load_bundle
from SpineLib.sequences import SEQUENCES


def run_training(
    config: SegmentationConfig,
    cohort_folder: Path | Sequence[Path],
    out: Path,
    *,
    cache: Path | None = None,
    processes: int = 2,
    first_cases: int | None = None,
    held_out: Collection[str] | None = None,
    command: str = "",
    model_id: str = "",
    report: Callable[[str], None] = lambda text: None,
) -> ModelBundle:
    """Prepare the cohort, train in ``out`` (or go on there), and write the bundle ``out / "model"``.

    Of several cohort folders, a case is called after its folder too ("plain/sub-001"); ``first_cases`` counts in each.
    ``held_out`` names the cases of the fold, where somebody else made the folds; else they are made here.

    Raises:
        SpineError: data or settings cannot be used.
        Cancelled: Ctrl-C.
    """
    unknown = [name for name in (*config.inputs, *config.also) if name not in SEQUENCES]
    if unknown or not config.inputs:
        raise SpineError(f"'{', '.join(unknown)}' is no sequence; inputs are out of {', '.join(SEQUENCES)}.")
    folders = [cohort_folder] if isinstance(cohort_folder, Path) else list(cohort_folder)
    if len({folder.name for folder in folders}) < len(folders):
        raise SpineError(
            "Two cohorts lie in folders of one name, which their cases are called after; rename one of them."
        )
    wanted = (*config.inputs, *config.also)
    cohorts = [
        read_cohort(folder, wanted, labels=(config.label,), session=config.session or None) for folder in folders
    ]
    if first_cases:
        cohorts = [replace(cohort, cases=cohort.cases[:first_cases]) for cohort in cohorts]
    if not ranks.leads():
        ranks.wait()  # the first one prepares the cases and tells what is done
        report = lambda text: None  # noqa: E731
    cases, *others = (
        [
            case if len(cohorts) == 1 else replace(case, name=f"{cohort.folder.name}/{case.name}")
            for cohort in cohorts
            for case in _prepared(cohort, inputs, config, cache, processes, report)
        ]
        for inputs in (config.inputs, *((name,) for name in config.also))
    )
    if held_out is None:
        refuse_doubles(case.folder for case in cases)
        training, held = split_cases(cases, config.validation, config.sampling.seed)
    else:
        training, held = apart(cases, held_out)
    if ranks.leads():
        ranks.wait()
    said = " ".join(dict.fromkeys(described(cohort) for cohort in cohorts))
    data = {"simulated": all(cohort.simulated for cohort in cohorts), "description": said}
    if ranks.leads():
        write_facts(out, "segmentation", command, config.to_dict(), data, names_of(training=training, held_out=held))
    report(f"{len(training)} cases to train on, {len(held)} held out.")
    for group in (training, held):
        names = {case.name for case in group}
        group.extend(case for other in others for case in other if case.name in names)
    train(config, training, held, out, report=report)
    if ranks.leads():
        export(out, out / "model", Labels(model_id))
    ranks.wait()
    return load_bundle(out / "model")


def _prepared(
    cohort: Cohort,
    inputs: tuple[str, ...],
    config: SegmentationConfig,
    cache: Path | None,
    processes: int,
    report: Callable[[str], None],
) -> list[PreparedCase]:
    preparation = config.preparation.to_dict()
    return prepare_cases(
        cohort,
        inputs,
        preparation,
        cache_folder(cohort, inputs, preparation, cache, label=config.label),
        label=config.label,
        processes=processes,
        progress=lambda fraction, text: report(text),
    )
