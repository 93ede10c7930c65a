"""Running a column network over a prepared image in windows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from SpineLib.errors import SpineError, is_out_of_memory
from SpineLib.networks.column import OFFSETS, ColumnNet
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.column.follow import Index, follow_column
from SpineLib.tasks.column.parts import OFFSET_MM
from SpineLib.volume.triples import triple

#: Windows overlap by this share and are blended with Gaussian weights; 384 mm of 1.5 mm are two of 144 voxels then.
_OVERLAP = 0.22


def predict_column(
    image: np.ndarray,
    network: ColumnNet,
    window: tuple[int, int, int],
    normalised: Callable[[np.ndarray], np.ndarray],
    *,
    wanted: Callable[[np.ndarray], bool] = lambda part: True,
    followed: Sequence[int] = (),
    along_mm: Sequence[float] | None = None,
    kept: type[np.floating] = np.float16,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> tuple[np.ndarray, np.ndarray, str, str]:
    """Probabilities of the parts, and offsets.

    Args:
        image: float32 (z, y, x) on the network's grid.
        network: with one input.
        window: size that the network was trained on, voxels; smaller images are padded by their edge.
        normalised: makes a window of the image what the network was shown in training.
        wanted: whether a window can hold any of the column; others are not computed and are background.
        followed: parts that the column is followed by: of the windows side by side the middle one is computed first,
            one before or behind it only where these parts come near its border. Without any, all are computed.
        along_mm: of the grid, mm along (z, y, x): compute only windows along the column, from the first one that shows
            it (:mod:`SpineLib.tasks.column.follow`). None: all, or as ``followed`` says.
        kept: in what answers are kept: float16, with which a whole body fits into memory, or float32, which is faster.
        device, precision: as :func:`SpineLib.inference.predict.predict` takes them.
        progress: told for each window.

    Returns:
        As ``kept``: (parts, z, y, x), and (3, z, y, x) in mm; device and precision.

    Raises:
        SpineError: no such device or precision, or not enough memory.
        Cancelled: by ``progress``.
    """
    import torch

    from SpineLib.inference.predict import choose_device, choose_precision
    from SpineLib.networks.arrays import array_of, tensor_of

    device = choose_device(device)
    precision = choose_precision(precision, device)
    size = tuple(-(-max(side, multiple) // multiple) * multiple for side, multiple in zip(window, network.multiples))
    pads = [(0, max(0, side - have)) for side, have in zip(size, image.shape)]
    padded = np.pad(image, pads, mode="edge")
    starts = [_starts(have, side) for have, side in zip(padded.shape, size)]
    order = _from_the_middle(len(starts[1]))
    boxes = {
        (a, b, c): triple(slice(own[n], own[n] + side) for own, n, side in zip(starts, (a, b, c), size))
        for a, c in itertools.product(range(len(starts[0])), range(len(starts[2])))
        for b in order
    }
    worth = [place for place, box in boxes.items() if wanted(padded[box])]
    answers: dict[Index, np.ndarray] = {}
    network = network.to(device).eval()

    def look(place: Index) -> np.ndarray:
        most = f"Network on window {len(answers) + 1} of {'at most ' if along_mm is not None else ''}{len(worth)}"
        progress(0.95 * len(answers) / len(worth), most)
        shown = tensor_of(np.ascontiguousarray(normalised(padded[boxes[place]]), dtype=np.float32))[None, None]
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            answer = network(shown.to(device)).float()[0]
            answer[: network.parts] = answer[: network.parts].softmax(0)
        found = array_of(answer)
        answers[place] = found.astype(kept, copy=False)
        return found[: network.parts].argmax(0).astype(np.uint8)

    try:
        if along_mm is not None:
            follow_column(starts, size, float(np.prod(along_mm)) / 1000, worth, look)
        else:
            near: dict[Index, tuple[bool, bool]] = {}
            for place in boxes:
                if followed and not _reached(near, place, order[0]):
                    continue
                if place in worth:
                    near[place] = _near_borders(look(place), followed)
        parts, offsets = _put_together(
            boxes, answers, network.parts, image.shape, padded.shape, kept, part(progress, 0.95, 1)
        )
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise SpineError("There is not enough memory for this volume; close other programs and try again.") from error
    return parts, offsets, device, precision


def _put_together(
    boxes: Mapping[Index, tuple[slice, slice, slice]],
    answers: dict[Index, np.ndarray],
    count: int,
    shape: tuple[int, ...],
    padded: tuple[int, ...],
    kept: type[np.floating],
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Windows, in the order of their z, blended; background where none was computed.

    Only planes that a window is being added to are held in full precision, so that a whole body's fit into memory.
    """
    parts = np.zeros((count, *shape), kept)
    offsets = np.zeros((OFFSETS, *shape), kept)
    bell = _bell(triple(side.stop - side.start for side in next(iter(boxes.values()))))
    total = np.zeros((count + OFFSETS, len(bell), *padded[1:]), np.float32)
    weights = np.zeros(total.shape[1:], np.float32)
    first = 0
    for place, (z, y, x) in boxes.items():
        if z.start > first:
            progress(first / shape[0], "Putting the windows together")
            _put_away(total, weights, z.start - first, first, parts, offsets)
            first = z.start
        if place in answers:
            weights[:, y, x] += bell
            total[:, :, y, x] += answers.pop(place) * bell
    progress(first / shape[0], "Putting the windows together")
    _put_away(total, weights, len(bell), first, parts, offsets)
    return parts, offsets


def _put_away(
    total: np.ndarray, weights: np.ndarray, planes: int, first: int, parts: np.ndarray, offsets: np.ndarray
) -> None:
    """Sums of the lowest ``planes``, which begin at ``first`` of the image, become its probabilities and offsets (mm);
    those above move down."""
    _, z, y, x = parts.shape
    count = min(planes, z - first)
    nowhere = weights[:planes] == 0
    total[0, :planes][nowhere], weights[:planes][nowhere] = 1, 1
    means = total[:, :count, :y, :x] / weights[:count, :y, :x]
    parts[:, first : first + count] = means[: len(parts)]
    offsets[:, first : first + count] = means[len(parts) :] * OFFSET_MM
    for one in (*total, weights):
        one[: len(one) - planes] = one[planes:].copy()
        one[len(one) - planes :] = 0


def _from_the_middle(count: int) -> list[int]:
    """Places 0 to ``count`` - 1, the middle one first and each after its neighbour towards the middle."""
    return sorted(range(count), key=lambda n: abs(n - (count - 1) // 2))


def _near_borders(parts: np.ndarray, followed: Sequence[int]) -> tuple[bool, bool]:
    """Whether a followed part comes near the first and the last row along y; both where there is none at all."""
    rows = np.unique(np.nonzero(np.isin(parts, followed))[1])
    if not len(rows):
        return True, True
    size = parts.shape[1]
    share = int(size * _OVERLAP)
    return bool(rows[0] < share), bool(rows[-1] >= size - share)


def _reached(near: Mapping[Index, tuple[bool, bool]], place: Index, first: int) -> bool:
    """Whether a window has to be computed: the middle one, or the next towards it has something near the border."""
    a, b, c = place
    if b == first:
        return True
    return near.get((a, b + 1, c), (False, False))[0] if b < first else near.get((a, b - 1, c), (False, False))[1]


def _starts(have: int, size: int) -> list[int]:
    if size >= have:
        return [0]
    count = 1 + int(np.ceil((have - size) / (size * (1 - _OVERLAP))))
    return [round(n * (have - size) / (count - 1)) for n in range(count)]


def _bell(size: tuple[int, ...]) -> np.ndarray:
    sides = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 5)) ** 2) for n in size]
    return np.einsum("i,j,k->ijk", *sides).astype(np.float32) + np.float32(1e-3)
