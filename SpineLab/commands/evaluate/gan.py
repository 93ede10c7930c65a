"""``spine evaluate gan``: the GANs that repair slices, on the same holes in vertebrae they were not trained on."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import cast

from SpineLab.commands.telling import tell
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle

HELP = "holes in slices of vertebrae filled by GANs, Dice and KMMD"
#: Miao et al., section III.D: of slices repaired by WGAN-GP.
PAPER_KMMD = 0.001084
_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--model", required=True, action="append", help="id or folder; may be given several times")
    parser.add_argument(
        "--masks",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="label files of real columns that no model was trained on",
    )
    parser.add_argument("--simulate", type=int, default=0, metavar="N", help="also draw so many simulated columns")
    parser.add_argument("--vertebrae", type=int, default=12, help="at most so many, evenly chosen (default 12)")
    parser.add_argument("--slices", type=int, default=64, help="single slices with a hole (default 64)")
    parser.add_argument("--tie", type=float, default=1.0, help="of the tied descents (default 1)")
    parser.add_argument("--steps", type=int, help="of the descent (default: that of 'spine inpaint')")
    parser.add_argument("--seed", type=int, default=1, help="of the holes (default 1)")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for table, figures and picture")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.gan import compare_gans
    from SpineLib.networks.gan import Gan
    from SpineLib.reports.pictures import png
    from SpineLib.tasks.inpainting.gan import GanSettings
    from SpineLib.volume.files import write_text

    bundles = [find_bundle(name) for name in arguments.model]
    wrong = [bundle.card.id for bundle in bundles if bundle.card.task != "vertebra-inpainting"]
    if wrong:
        raise SpineError(f"The model '{wrong[0]}' is no GAN for vertebrae; choose another one.")
    stacks = _stacks(arguments)
    settings = GanSettings() if arguments.steps is None else GanSettings(steps=arguments.steps)
    with ProgressBar("GANs") as bar:
        comparison = compare_gans(
            stacks,
            {bundle.card.id: cast(Gan, bundle.network()) for bundle in bundles},
            settings,
            arguments.tie,
            arguments.slices,
            arguments.seed,
            bar,
        )
    kind = (
        "simulated"
        if all(stack.simulated for stack in stacks)
        else ("real and simulated" if any(stack.simulated for stack in stacks) else "real")
    )
    rows, text = comparison.rows(), table(comparison.rows(), len(comparison.single.images), len(comparison.cubes), kind)
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_text(arguments.output / "gan.json", json.dumps({"vertebrae": kind, "rows": rows}, indent=1) + "\n")
    write_text(arguments.output / "gan.md", text)
    (arguments.output / "gan.png").write_bytes(png(picture(comparison)))
    tell(text, arguments)
    return 0


def table(rows: list[dict], slices: int, cubes: int, kind: str) -> str:
    """Markdown; the paper's KMMD beside ours."""
    lines = [
        (
            f"Holes in vertebrae that no model was trained on ({kind}): {slices} single slices with a hole of 16 x "
            f"16 pixels (28 mm), as in the paper's figure 6, and {cubes} vertebrae with a cube of 28 mm missing. "
            "KMMD: "
            "squared, biased, Gaussian kernel, bandwidth the median distance of the whole slices; the paper tells "
            "neither its kernel nor its bandwidth, so its figure stands beside ours and does not compare."
        ),
        "",
        (
            "| method | Dice in the hole of a slice | KMMD of repaired slices | KMMD of made images "
            "| Dice in the cube | jumps between slices |"
        ),
        "|---|---|---|---|---|---|",
    ]
    single = {row["method"]: row for row in rows if row["holes"] == "slices"}
    for row in rows:
        if row["holes"] == "cubes":
            one = single.get(row["method"])
            start = f"{one['dice']:.3f} | {one['kmmd']:.6f} | {one['kmmd_made']:.4f}" if one else "– | – | –"
            jumps = "–" if row["jumps"] is None else f"{row['jumps']:+.3f}"
            lines.append(f"| {row['method']} | {start} | {row['dice']:.3f} | {jumps} |")
    lines.append(f"| Paper, WGAN-GP | – | {PAPER_KMMD} | – | – | – |")
    note = "Jumps: share of the cube's pixels that change from slice to slice, less the truth's; 0 is a vertebra's own."
    return "\n".join([*lines, "", note, ""])


def picture(comparison):
    """Rows of slices: with their holes (grey), filled by each model, whole, and made of noise by each model."""
    import numpy as np

    single = comparison.single
    shown = slice(0, min(_SHOWN, len(single.images)))
    rows = [np.where(single.known, single.images, 0.5)[shown]]
    rows += [one.repaired[shown] for one in comparison.filled if one.holes == "slices"]
    rows += [single.images[shown], *(made[shown] for made in comparison.made.values())]
    image = np.vstack([np.hstack(list(row)) for row in rows])
    return (np.kron(image, np.ones((2, 2))) * 255).astype(np.uint8)


def _stacks(arguments: argparse.Namespace) -> list:
    import numpy as np

    from SpineLab.training.gan.ct_stacks import simulate_stacks
    from SpineLab.training.gan.stacks import read_stacks

    stacks = [stack for n in range(arguments.simulate) for stack in simulate_stacks(10**6 + 1000 * arguments.seed + n)]
    if arguments.masks:
        with tempfile.TemporaryDirectory(prefix="spine-gan-") as cache:
            stacks += read_stacks([(path.name, path, False) for path in arguments.masks], Path(cache))
    if not stacks:
        raise SpineError("There is nothing to evaluate on; give --masks or --simulate.")
    chosen = np.unique(np.linspace(0, len(stacks) - 1, max(arguments.vertebrae, 1)).astype(int))
    return [stacks[n] for n in chosen]
