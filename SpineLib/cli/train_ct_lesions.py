"""``spine train ct-lesions``: Faster R-CNN for lesions of the spine on CT."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from SpineLib.errors import SpineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", required=True, help="TOML file, or lesions-ct, faster-rcnn-vgg16")
    parser.add_argument("--cohort", required=True, type=Path,
                        help="folder of CTs with lesion and vertebra labels, as 'spine phantom --ct' writes it, or "
                             "DeepLesion's (DL_info.csv, Images_png)")
    parser.add_argument("--kinds", help="of DeepLesion: kinds of lesions, e.g. bone (default: all)")
    parser.add_argument("--only", type=Path, metavar="FILE",
                        help="of DeepLesion: text file with the key slices to take, a name a line")
    parser.add_argument("--run", "--out", dest="out", required=True, type=Path, help="folder of the training")
    parser.add_argument("--paint", type=Path, metavar="FOLDER",
                        help="folder of the same form with CTs without lesions, real ones too: lesions are painted "
                             "into them, to train on as well")
    parser.add_argument("--paint-each", type=int, default=16, metavar="N", help="painted copies of each (default 16)")
    parser.add_argument("--vgg16", metavar="FILE",
                        help="safetensors file of torchvision's VGG-16 to start from (full widths only)")
    parser.add_argument("--minutes", type=float, help="time budget")
    parser.add_argument("--steps", type=int, help="batches to train on")
    parser.add_argument("--seed", type=int, help="of everything random")
    parser.add_argument("--folds", type=int, help="number of cross-validation folds; 0 is none")
    parser.add_argument("--fold", help="fold to hold out, from 0, or 'all' for one training after the other")
    parser.add_argument("--cases", type=int, help="use only the first so many cases")
    parser.add_argument("--cache", type=Path, help="folder for prepared cases (default: beside the cohort)")
    parser.add_argument("--processes", type=int, default=2, help="processes that prepare cases (default 2)")
    parser.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    parser.add_argument("--model-id", help="id of the bundle written at the end (default: the folder's name)")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLib.training.ctlesions.config import read_ct_lesion_config
    from SpineLib.training.ctlesions.loop import run_ct_lesion_training

    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    config = read_ct_lesion_config(arguments.config)
    changes: dict = {"optimisation": {key: getattr(arguments, key) for key in ("minutes", "steps")
                                      if getattr(arguments, key) is not None}}
    if arguments.vgg16:
        changes["network"] = {"weights": arguments.vgg16}
    if arguments.seed is not None:
        changes["sampling"] = {"seed": arguments.seed}
    count = config.validation.folds if arguments.folds is None else arguments.folds
    if arguments.fold not in (None, "all") and not arguments.fold.isdigit():
        raise SpineError(f"--fold is '{arguments.fold}' but must be a number from 0 or 'all'.")
    command = shlex.join(["spine", *sys.argv[1:]])
    for fold in range(count) if arguments.fold == "all" else [int(arguments.fold or 0)]:
        try:
            current = config.changed(**changes, validation={"folds": count, "fold": fold})
        except ValueError as error:
            raise SpineError(f"The settings do not fit together: {error}.") from error
        out = arguments.out / f"fold-{fold}" if arguments.fold == "all" else arguments.out
        bundle = run_ct_lesion_training(current, arguments.cohort, out, cache=arguments.cache,
                                        processes=arguments.processes, first_cases=arguments.cases,
                                        painted=arguments.paint, painted_each=arguments.paint_each,
                                        kinds=arguments.kinds.split(",") if arguments.kinds else None,
                                        only=arguments.only, command=command,
                                        model_id=arguments.model_id or "", report=lambda text: print(text, flush=True))
        print(f"{bundle.folder}: {bundle.card.title}", flush=True)
    return 0
