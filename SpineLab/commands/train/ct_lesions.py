"""``spine train ct-lesions``: Faster R-CNN for lesions of the spine on CT."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLab.commands.train.common import GOES_ON, add_common, prepared, run_folds

HELP = "train Faster R-CNN for lesions on CT; goes on after an interruption"
DESCRIPTION = "Train Faster R-CNN on VGG-16, full or narrow, to find lesions of the spine on CT. " + GOES_ON


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--config", required=True, help="TOML file, or lesions-ct, faster-rcnn-vgg16")
    parser.add_argument(
        "--cohort",
        required=True,
        type=Path,
        help="folder of CTs with lesion and vertebra labels, as 'spine phantom --ct' writes it, or "
        "DeepLesion's (DL_info.csv, Images_png)",
    )
    parser.add_argument("--kinds", help="of DeepLesion: kinds of lesions, e.g. bone (default: all)")
    parser.add_argument(
        "--only", type=Path, metavar="FILE", help="of DeepLesion: text file with the key slices to take, a name a line"
    )
    parser.add_argument("--run", "--out", dest="out", required=True, type=Path, help="folder of the training")
    parser.add_argument(
        "--paint",
        type=Path,
        metavar="FOLDER",
        help="folder of the same form with CTs without lesions, real ones too: lesions are painted "
        "into them, to train on as well",
    )
    parser.add_argument("--paint-each", type=int, default=16, metavar="N", help="painted copies of each (default 16)")
    parser.add_argument(
        "--further",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="another folder as 'spine phantom --ct' writes it, to train on only; several are possible",
    )
    parser.add_argument(
        "--vgg16",
        metavar="FILE",
        help="safetensors file of torchvision's VGG-16 (full widths), or weights.safetensors of a "
        "model of the same widths, to start from: its convolutions, fc6 and fc7 are taken",
    )
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.ct_lesions.config import CtLesionConfig
    from SpineLab.training.ct_lesions.loop import run_training

    config = CtLesionConfig.read(arguments.config)
    if arguments.vgg16:
        config = config.changed(network={"weights": arguments.vgg16})
    return run_folds(
        config,
        arguments,
        lambda current, out, **texts: run_training(
            current,
            arguments.cohort,
            out,
            **prepared(arguments),
            painted=arguments.paint,
            painted_each=arguments.paint_each,
            further=arguments.further,
            kinds=arguments.kinds.split(",") if arguments.kinds else None,
            only=arguments.only,
            **texts,
        ),
    )
