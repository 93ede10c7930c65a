"""``spine study``: a paper's whole experiment on a folder of patients, with one page at the end."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli.options import add_device
from SpineLib.cli.outputs import check_writable
from SpineLib.errors import SpineError

STUDIES = {
    "hille": "segmentation of metastases on T1 and T2, 8 folds, six networks",
    "wang": "detection of metastases on fat-suppressed T2, 10 folds, FROC",
    "steffen": "segmentation of necrosis after ablation on contrast-enhanced T1 and T2, 6 folds, six networks",
    "miao": "vertebrae, lesions and repair on CT, 10 folds",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("study", choices=tuple(STUDIES), help="; ".join(f"{k}: {v}" for k, v in STUDIES.items()))
    parser.add_argument(
        "--data", required=True, type=Path, help="folder or table of patients, see 'spine cohort check'"
    )
    parser.add_argument(
        "--budget",
        choices=("small", "paper"),
        default="small",
        help="small: within 2 hours on 2 cores; paper: the paper's samples and networks, for a graphics card",
    )
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder of the study; the same again goes on")
    parser.add_argument("--seed", type=int, default=0, help="of folds and trainings (default 0)")
    parser.add_argument("--processes", type=int, default=2, help="processes that prepare cases (default 2)")
    parser.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    add_device(parser, precision=False)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.studies import detection, repair, segmentation

    if not arguments.data.exists():
        raise SpineError("The folder of patients does not exist; check its path.")
    if arguments.seed < 0 or arguments.processes < 1 or (arguments.threads or 1) < 1:
        raise SpineError("--seed has to be 0 or more, --processes and --threads 1 or more.")
    check_writable(arguments.output)
    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    how = {
        "seed": arguments.seed,
        "processes": arguments.processes,
        "device": arguments.device,
        "report": lambda text: print(text, flush=True),
    }
    where = arguments.data, arguments.output
    if arguments.study in ("hille", "steffen"):
        paper = segmentation.HILLE if arguments.study == "hille" else segmentation.STEFFEN
        page = segmentation.run_study(paper, *where, segmentation.BUDGETS[arguments.budget], **how)
    elif arguments.study == "wang":
        page = detection.run_study(*where, detection.BUDGETS[arguments.budget], **how)
    else:
        page = repair.run_study(*where, repair.BUDGETS[arguments.budget], **how)
    print(f"Written: {page}")
    return 0
