"""What the ``spine train`` commands have in common: budget, seed, folds, and where the result goes."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from SpineLib.cli.batch import add_cluster, wants_cluster
from SpineLib.cluster import on_cluster, remaining
from SpineLib.errors import SpineError

if TYPE_CHECKING:
    from SpineLab.training.settings import ConfigBase
    from SpineLib.models import ModelBundle

    _Config = TypeVar("_Config", bound=ConfigBase)

#: Ends the description of each.
GOES_ON = "The same command again goes on where an interrupted training was. Ctrl-C saves and stops."


def add_common(
    parser: argparse.ArgumentParser,
    *,
    folds: bool = True,
    cases: str | None = "use only the first so many cases",
    cache: str | None = "folder for prepared cases (default: beside the cohort)",
) -> None:
    """The options that each training has; ``cases`` and ``cache`` are the help of these two, None where there are
    none, ``folds`` adds those of the cross-validation."""
    parser.add_argument("--minutes", type=float, help="time budget")
    parser.add_argument("--steps", type=int, help="batches to train on")
    parser.add_argument("--seed", type=int, help="of everything random")
    if cases is not None:
        parser.add_argument("--cases", type=int, help=cases)
    if cache is not None:
        parser.add_argument("--cache", type=Path, help=cache)
    if folds:
        parser.add_argument("--folds", type=int, help="number of cross-validation folds; 0 is none")
        parser.add_argument("--fold", help="fold to hold out, from 0, or 'all' for one training after the other")
        parser.add_argument("--processes", type=int, default=2, help="processes that prepare cases (default 2)")
        add_cluster(parser, "folds", "--folds-at-a-time")
    parser.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    parser.add_argument("--model-id", help="id of the bundle written at the end (default: the folder's name)")


def add_masks(parser: argparse.ArgumentParser) -> None:
    """The options of trainings on label files, and on where these are from."""
    parser.add_argument(
        "--masks",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="label files of real columns, a number for each vertebra",
    )
    parser.add_argument(
        "--masks-from",
        default="",
        metavar="TEXT",
        help="where those files come from and their licence, for the model's card; needed with --masks",
    )


def check_masks(arguments: argparse.Namespace) -> None:
    """Refuse label files that nobody says the origin of.

    Raises:
        SpineError: --masks without --masks-from.
    """
    if arguments.masks and not arguments.masks_from:
        raise SpineError(
            "--masks needs --masks-from: say where the label files come from and their licence, so that "
            "the model's card can."
        )


def prepared(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is asked for of the preparation of cases, as each task's ``run_training`` takes it."""
    return {"cache": arguments.cache, "processes": arguments.processes, "first_cases": arguments.cases}


def changed(config: _Config, arguments: argparse.Namespace, changes: dict[str, Any] | None = None) -> _Config:
    """``config`` with the budget and the seed that were asked for, and ``changes``, sections as of
    :meth:`SpineLab.training.settings.ConfigBase.changed`.

    Raises:
        SpineError: the values do not fit together.
    """
    sections = dict(changes or {})
    budget = {key: getattr(arguments, key) for key in ("minutes", "steps") if getattr(arguments, key) is not None}
    sections["optimisation"] = budget | sections.get("optimisation", {})
    if arguments.seed is not None:
        if arguments.seed < 0:
            raise SpineError(f"The seed is {arguments.seed}; give 0 or more.")
        sections["sampling"] = {"seed": arguments.seed} | sections.get("sampling", {})
    try:
        return config.changed(**sections)
    except ValueError as error:
        raise SpineError(f"The settings do not fit together: {error}.") from error


def run_folds(config: _Config, arguments: argparse.Namespace, train: Callable[..., ModelBundle]) -> int:
    """Train on each fold that was asked for, or once; the exit status.

    Args:
        train: takes the configuration and the folder of the training, and ``command``, ``model_id`` and ``report`` as
            :func:`SpineLab.training.segmentation.session.run_training` does.

    Raises:
        SpineError: there is no such fold, or the training's own.
    """
    if wants_cluster(arguments):
        return _folds_together(config, arguments, train)
    for current, out in _folds(config, arguments):
        run_once(current, out, arguments, train)
    return 0


def _folds_together(config: _Config, arguments: argparse.Namespace, train: Callable[..., ModelBundle]) -> int:
    """Several folds at a time on a cluster; 1 when one failed, which is told and does not stop the others."""
    if arguments.fold != "all":
        raise SpineError("--folds-at-a-time and --scheduler share the folds of a cross-validation; add --fold all.")
    folds, failed = list(_folds(config, arguments)), 0
    started = time.monotonic()
    work = [(current, out, arguments, train) for current, out in folds]
    outcomes = on_cluster(
        run_once, work, scheduler=arguments.scheduler, workers=arguments.at_a_time, retries=arguments.retries
    )
    for done, outcome in enumerate(outcomes, start=1):
        words = f"failed: {outcome.error}" if outcome.error is not None else "trained"
        failed += outcome.error is not None
        print(f"{folds[outcome.number][1].name} {words}; {remaining(started, done, len(folds))}", flush=True)
    return 1 if failed else 0


def run_once(config: _Config, out: Path, arguments: argparse.Namespace, train: Callable[..., ModelBundle]) -> int:
    """Train, and say where the model lies; the exit status. ``train`` is that of :func:`run_folds`."""
    from SpineLab.training import ranks

    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    bundle = train(
        config,
        out,
        command=arguments.typed,
        model_id=arguments.model_id or "",
        report=lambda text: print(text, flush=True),
    )
    if ranks.leads():
        print(f"{bundle.folder}: {bundle.card.title}", flush=True)
    return 0


def _folds(config: _Config, arguments: argparse.Namespace) -> Iterator[tuple[_Config, Path]]:
    count = cast(Any, config).validation.folds if arguments.folds is None else arguments.folds
    if arguments.fold not in (None, "all") and not arguments.fold.isdigit():
        raise SpineError(f"--fold is '{arguments.fold}' but must be a number from 0 or 'all'.")
    for fold in range(count) if arguments.fold == "all" else [int(arguments.fold or 0)]:
        yield (
            changed(config, arguments, {"validation": {"folds": count, "fold": fold}}),
            arguments.out / f"fold-{fold}" if arguments.fold == "all" else arguments.out,
        )
