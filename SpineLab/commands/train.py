"""``spine train segmentation``, ``detection``, ``vertebrae``, ``ct-lesions``, ``gan`` and ``export``."""

from __future__ import annotations

import argparse
import json
from inspect import signature
from pathlib import Path

from SpineLab.commands import train_completion, train_ct_lesions, train_detection, train_gan, train_vertebrae
from SpineLab.commands.train_common import add_common, changed, run_folds
from SpineLib.errors import SpineError

HELP = "train a segmentation or detection network, or export a training as a model"
#: Options of ``export`` that only some tasks have, by the name that the task's function ``export`` gives them.
_SPECIAL = {
    "threshold": "threshold",
    "smallest_lesion_ml": "smallest-lesion-ml",
    "smoothing_mm": "smoothing-mm",
    "last": "last",
    "smallest_area_cm2": "smallest-area",
    "average": "average",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their options."""
    actions = parser.add_subparsers(dest="action", required=True)
    train = actions.add_parser(
        "segmentation",
        help="train on a cohort; goes on after an interruption",
        description="Train a U-Net to segment metastases or, with another configuration, the "
        "necrosis after ablation or vertebrae. The same command again goes on where an "
        "interrupted training was. Ctrl-C saves and stops.",
    )
    train.add_argument(
        "--config",
        required=True,
        help="TOML file, or paper-2d, paper-3d, small-2d, small-3d, refine-2d, long-2d; for necrosis "
        "necrosis-2d, necrosis-3d, paper-necrosis-2d, paper-necrosis-3d; for vertebrae on MR "
        "spine-2d",
    )
    train.add_argument("--cohort", required=True, type=Path, help="folder of cases, as 'spine phantom' writes it")
    train.add_argument("--out", required=True, type=Path, help="folder of the training")
    train.add_argument("--inputs", help="sequences, e.g. T1,T2 (default: the configuration's)")
    train.add_argument(
        "--session", choices=("before", "after"), help="of a cohort with sessions (default: the configuration's)"
    )
    train.add_argument(
        "--label", choices=("lesion", "necrosis", "vertebrae"), help="what is learned (default: the configuration's)"
    )
    train.add_argument("--init-from", help="id or folder of a model to start from")
    train.add_argument(
        "--compile", action="store_true", help="fuse the network's layers first, a third faster; wants a C++ compiler"
    )
    add_common(train)
    train_detection.add_arguments(
        actions.add_parser(
            "detection",
            help="train the detector; goes on after an interruption",
            description="Train the multi-resolution Siamese detector. The same command again goes on where an "
            "interrupted training was. Ctrl-C saves and stops.",
        )
    )
    train_vertebrae.add_arguments(
        actions.add_parser(
            "vertebrae",
            help="train the network that segments vertebrae on CT; goes on after an interruption",
            description="Train a V-Net or a U-Net to segment vertebrae on axial slices of CT. The same command again "
            "goes on where an interrupted training was. Ctrl-C saves and stops.",
        )
    )
    train_ct_lesions.add_arguments(
        actions.add_parser(
            "ct-lesions",
            help="train Faster R-CNN for lesions on CT; goes on after an interruption",
            description="Train Faster R-CNN on VGG-16, full or narrow, to find lesions of the spine on CT. The same "
            "command again goes on where an interrupted training was. Ctrl-C saves and stops.",
        )
    )
    train_gan.add_arguments(
        actions.add_parser(
            "gan",
            help="train a GAN on slices of vertebrae; goes on after an interruption",
            description="Train WGAN-GP or DCGAN to make slices of whole vertebrae, which 'spine inpaint' repairs "
            "others with. The same command again goes on where an interrupted training was. Ctrl-C saves and stops.",
        )
    )
    train_completion.add_arguments(
        actions.add_parser(
            "completion",
            help="train the 3-D completion of vertebrae; goes on after an interruption",
            description="Train the network that 'spine inpaint' completes vertebrae with, on vertebrae that pieces are "
            "cut from. The same command again goes on where an interrupted training was. Ctrl-C saves and stops.",
        )
    )
    export = actions.add_parser("export", help="write a training's best weights so far as a model")
    export.add_argument("--run", required=True, type=Path, help="folder of the training; it may still be running")
    export.add_argument("--to", required=True, type=Path, help="folder of the model; its name is the model's id")
    export.add_argument(
        "--last",
        action="store_true",
        help="of a segmentation: the latest weights, not those best on the few held-out cases",
    )
    export.add_argument("--title", default="", help="for people")
    export.add_argument("--version", default="1")
    export.add_argument("--threshold", type=float, help="probability from which a voxel is lesion")
    export.add_argument(
        "--smallest-lesion-ml", type=float, help="of a segmentation: lesions below this are dropped by default"
    )
    export.add_argument(
        "--smoothing-mm",
        type=float,
        default=0.0,
        metavar="SIGMA",
        help="of a segmentation: smooth probabilities across the slices before the threshold",
    )
    export.add_argument(
        "--smallest-area",
        dest="smallest_area_cm2",
        type=float,
        metavar="CM2",
        help="of a detector: regions below this in a slice are dropped by default",
    )
    export.add_argument(
        "--average",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="of a detector: a further training from the same start with another seed; the mean of all "
        "weights is written; may be given several times",
    )
    export.add_argument(
        "--compact",
        action="store_true",
        help="store weights in eight bits with a scale for each output channel, half as large",
    )
    export.add_argument(
        "--figures",
        type=Path,
        action="append",
        default=[],
        help="JSON file of figures for the card, under the file's name; may be given several times",
    )
    export.add_argument(
        "--notes",
        type=Path,
        action="append",
        default=[],
        help="Markdown file to end the card's text with; may be given several times",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    if arguments.action == "detection":
        return train_detection.run(arguments)
    if arguments.action == "vertebrae":
        return train_vertebrae.run(arguments)
    if arguments.action == "ct-lesions":
        return train_ct_lesions.run(arguments)
    if arguments.action == "gan":
        return train_gan.run(arguments)
    if arguments.action == "completion":
        return train_completion.run(arguments)
    return _export(arguments) if arguments.action == "export" else _train(arguments)


def _export(arguments: argparse.Namespace) -> int:
    from SpineLab.training.export import Labels, exporter

    try:
        figures = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in arguments.figures}
        notes = "\n\n".join(path.read_text(encoding="utf-8").strip() for path in arguments.notes)
    except (OSError, ValueError) as error:
        raise SpineError(f"The figures or notes cannot be read: {error}.") from error
    export = exporter(arguments.run)
    labels = Labels(title=arguments.title, version=arguments.version, figures=figures, notes=notes)
    given = {name: value for name in _SPECIAL if (value := getattr(arguments, name)) not in (None, False, 0.0, [])}
    unused = [f"--{_SPECIAL[name]}" for name in given if name not in signature(export).parameters]
    if unused:
        raise SpineError(f"{', '.join(unused)} does not go with the training in '{arguments.run}'; leave it out.")
    bundle = export(arguments.run, arguments.to, labels, **given)
    if arguments.compact:
        from SpineLib.models import save_bundle

        bundle = save_bundle(bundle.folder, bundle.network(), bundle.card, compact=True)
    print(f"{bundle.folder}: {bundle.card.title}, SHA-256 {bundle.card.sha256}")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from SpineLab.training.segmentation.config import SegmentationConfig
    from SpineLab.training.segmentation.session import run_training

    config = SegmentationConfig.read(arguments.config)
    changes: dict = {
        key: getattr(arguments, key) for key in ("session", "label", "init_from") if getattr(arguments, key)
    }
    if arguments.inputs:
        changes["inputs"] = tuple(name.strip() for name in arguments.inputs.split(","))
    if arguments.compile:
        changes["optimisation"] = {"compile": True}
    return run_folds(
        changed(config, arguments, changes),
        arguments,
        lambda current, out, **texts: run_training(
            current,
            arguments.cohort,
            out,
            cache=arguments.cache,
            processes=arguments.processes,
            first_cases=arguments.cases,
            **texts,
        ),
    )
