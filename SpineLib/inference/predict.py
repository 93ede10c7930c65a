"""Running a network over a prepared volume: device, precision, windows, and what to do when memory ends."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch

from SpineLib.errors import SpineError, is_out_of_memory
from SpineLib.inference.fastnet import FastNetwork
from SpineLib.inference.fastplain import FastPlain
from SpineLib.inference.fastvnet import FastVNet
from SpineLib.inference.features import Features
from SpineLib.networks.arrays import array_of, tensor_of
from SpineLib.networks.channels import InputChannels
from SpineLib.networks.plain_unet import PlainUNet
from SpineLib.networks.unet import UNet
from SpineLib.networks.vnet import VNet
from SpineLib.progress import Progress, silent

#: The mask in bfloat16 must agree with the one in float32 to this Dice, else float32 is used.
SAME_DICE = 0.999
#: Where bfloat16 is not good enough, slices in which it gives less than this share of the threshold everywhere stay.
_NEAR_THRESHOLD = 0.1
#: Pixels of a 2D batch for each core, and on a GPU: small enough to report and to stop several times a second.
_PIXELS_A_CORE, _PIXELS_GPU = 2**17, 2**22
#: Voxels of a 3D window: the whole plane of usual scans, since overlapping windows compute their borders twice;
#: activations fit in 1.3 GB (bfloat16) or 2.5 GB (float32).
_VOXELS_3D = 64 * 400 * 400
_SMALLEST_WINDOW = 64
#: Rows and columns of the 3D window in which bfloat16 is checked against float32.
_CHECKED = 128
_OVERLAP = 0.25


@dataclass
class Prediction:
    """Probability (s, y, x), float32, on the prepared grid; where and how it was computed; sentences for the user."""

    probability: np.ndarray
    device: str
    precision: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """How prepared sequences become the network's input where that is not simply one channel each.

    Attributes:
        channels: of the network.
        there: which of its sequences each of the prepared ones is.
        slice_mm: distance between prepared slices.
    """

    channels: InputChannels
    there: tuple[int, ...]
    slice_mm: float

    @classmethod
    def of(
        cls, network: Mapping[str, Any], inputs: Sequence[str], used: Sequence[str], slice_mm: float
    ) -> Layout | None:
        """Of a card's network and inputs, and the names of the sequences prepared; None: one channel each."""
        channels = InputChannels.of(network, len(inputs))
        return None if channels.is_plain else cls(channels, tuple(inputs.index(name) for name in used), slice_mm)


def choose_device(wanted: str = "auto") -> str:
    """ "cuda", "mps" or "cpu"; "auto" takes the first that is there.

    Raises:
        SpineError: a device that this machine does not have.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(device for device, available in there.items() if available)
    if not there.get(wanted, False):
        names = " or ".join(device for device, available in there.items() if available)
        raise SpineError(f"There is no device '{wanted}' here; choose auto or {names}.")
    return wanted


def choose_precision(wanted: str, device: str) -> str:
    """ "bfloat16" or "float32"; "auto" takes bfloat16 where the processor multiplies matrices in it.

    Raises:
        SpineError: no such precision.
    """
    if wanted not in ("auto", "float32", "bfloat16"):
        raise SpineError(f"There is no precision '{wanted}'; choose auto, float32 or bfloat16.")
    if wanted != "auto":
        return wanted
    return "bfloat16" if has_bfloat16_units(device) else "float32"


def has_bfloat16_units(device: str) -> bool:
    """Whether bfloat16 is faster than float32 there (AVX512-BF16 or AMX on CPUs, tensor cores on GPUs)."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device == "cpu":
        checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        return any(getattr(torch.cpu, check, bool)() for check in checks)
    return False


def predict(
    channels: np.ndarray,
    network: torch.nn.Module,
    *,
    layout: Layout | None = None,
    whiten_windows: bool = False,
    window: tuple[int, int] | None = None,
    threshold: float = 0.5,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
    features: Features | None = None,
) -> Prediction:
    """The network's probability for each voxel of a prepared volume.

    2D networks get whole slices in batches. 3D networks get windows that overlap by a quarter and are blended with
    Gaussian weights; a window holds all slices and up to 400 x 400 pixels of the plane, which is more than the
    training patches: the network is fully convolutional, and larger windows have fewer borders.

    Windows depend on the image's size and the number of cores alone, not on what memory is free, so that the same input
    gives the same mask. When memory ends after all they are halved, and then the CPU is used.

    Args:
        channels: float32 (c, s, y, x), as ``SpineLib.preprocess.prepare`` gives them.
        network: a ``SpineLib.networks.unet.UNet`` or ``plain_unet.PlainUNet``, or in 2D a
            ``SpineLib.networks.vnet.VNet``, with ``c`` inputs.
        layout: of the network's input; None is one channel for each sequence.
        whiten_windows: whiten each slice (2D) or window (3D) once more, for networks trained on whitened patches.
        window: rows and columns of the windows, overlapping as in 3D; a network that was trained on patches whitened by
            themselves sees what it learned only in windows of their size. None: whole slices, or as large as fits.
        threshold: with precision "auto", masks at this threshold decide whether bfloat16 is good enough.
        device: "auto", "cuda", "mps" or "cpu".
        precision: "auto", "float32" or "bfloat16".
        progress: told after each layer.
        features: takes what a 2D ``UNet`` sees of whole slices.

    Raises:
        SpineError: no such device, or not enough memory even so.
        Cancelled: by ``progress``.
    """
    run = _Run(channels, network, whiten_windows, window, progress, layout, features)
    chosen = choose_device(device)
    result = run.with_fallbacks(chosen, choose_precision(precision, chosen))
    if precision == "auto" and result.precision != "float32":
        dice = run.check(result, threshold)
        if dice < SAME_DICE:
            said = f"Half precision would have changed the mask (Dice {dice:.4f}), so full precision was used."
            notes = [*result.notes, said]
            result = run.exact_where_marked(result, threshold)
            result.notes[:0] = notes
    return result


class _Run:
    def __init__(
        self,
        channels: np.ndarray,
        network: torch.nn.Module,
        whiten_windows: bool,
        window: tuple[int, int] | None,
        progress: Progress,
        layout: Layout | None = None,
        features: Features | None = None,
    ):
        self.layout = layout
        whole = network.dimensions == 2 and window is None and isinstance(network, UNet)
        self.features = features if whole else None
        self.window = None if window is None else tuple(map(min, window, channels.shape[2:]))
        self.channels, self.network, self.whiten, self.progress = channels, network, whiten_windows, progress
        self.flat = network.dimensions == 2

    def with_fallbacks(self, device: str, precision: str) -> Prediction:
        notes: list[str] = []
        divisor = 1
        while True:
            boxes = self.windows(device, divisor)
            try:
                with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
                    probability = self.over_windows(_fast(self.network, device, getattr(torch, precision)), boxes)
                return Prediction(probability, device, precision, notes)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) and (device != "mps" or isinstance(error, MemoryError)):
                    raise
            # Outside of the handler: the traceback would keep the arrays alive.
            if device == "cuda":
                torch.cuda.empty_cache()
            if device != "mps" and self.windows(device, divisor * 2) != boxes:
                divisor *= 2
                note = f"Memory on {device} was not enough: smaller windows were used."
            elif device != "cpu":
                note = f"{device} could not run the network: the CPU was used."
                device, divisor = "cpu", 1
                precision = choose_precision("auto", "cpu") if precision != "float32" else precision
            else:
                raise SpineError("There is not enough memory for this volume; close other programs and try again.")
            notes = [n for n in notes if n != note] + [note]

    def exact_where_marked(self, rough: Prediction, threshold: float) -> Prediction:
        """In float32 what a rough run came near the threshold in; the other slices of a 2D network are not part of the
        mask in either, so nobody has to wait for them a second time.
        """
        boxes = self.windows(rough.device, 1)
        near = [box for box in boxes if rough.probability[box].max() >= _NEAR_THRESHOLD * threshold]
        if not self.flat or self.window is not None or len(near) == len(boxes):
            return self.with_fallbacks(rough.device, "float32")
        try:
            fast = _fast(self.network, rough.device, torch.float32)
            for number, box in enumerate(near):
                text = f"In full precision: slices {box[0].start + 1} to {box[0].stop}"
                self.progress(number / len(near), text)
                rough.probability[box] = self.one(
                    fast, box, lambda done, n=number, text=text: self.progress((n + done) / len(near), text)
                )
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return self.with_fallbacks(rough.device, "float32")
        return Prediction(rough.probability, rough.device, "float32 where marked, else bfloat16")

    def windows(self, device: str, divisor: int) -> list[tuple[slice, slice, slice]]:
        """Boxes (s, y, x) that cover the volume."""
        s, y, x = self.channels.shape[1:]
        if self.flat:
            pixels = _PIXELS_GPU if device != "cpu" else _PIXELS_A_CORE * torch.get_num_threads()
            rows, columns = self.window or (y, x)
            batch = max(1, min(s, round(pixels / (rows * columns))) // divisor)
            return [
                (slice(a, min(a + batch, s)), slice(b, b + rows), slice(c, c + columns))
                for a in range(0, s, batch)
                for b, c in itertools.product(_starts(y, rows), _starts(x, columns))
            ]
        size, most = list(self.window or (y, x)), min(_VOXELS_3D, s * y * x) // divisor
        while s * size[0] * size[1] > most and max(size) > _SMALLEST_WINDOW:
            longer = int(size[1] > size[0])
            # Whole sixteenths in steps, so that the window is as large as it may be.
            size[longer] = max(_SMALLEST_WINDOW, (size[longer] - 1) // 16 * 16)
        return [
            (slice(0, s), slice(a, a + size[0]), slice(b, b + size[1]))
            for a, b in itertools.product(_starts(y, size[0]), _starts(x, size[1]))
        ]

    def over_windows(self, fast: FastNetwork | FastPlain | FastVNet, boxes) -> np.ndarray:
        total: np.ndarray = np.zeros(self.channels.shape[1:], dtype=np.float32)
        whole = self.flat and self.window is None
        weights = np.zeros(self.channels.shape[1 if self.flat else 2 :], dtype=np.float32)
        for number, box in enumerate(boxes):
            text = (
                f"Network on slices {box[0].start + 1} to {box[0].stop} of {total.shape[0]}"
                if self.flat
                else f"Network on window {number + 1} of {len(boxes)}"
            )
            self.progress(number / len(boxes), text)
            probability = self.one(
                fast, box, lambda done, n=number, text=text: self.progress((n + done) / len(boxes), text)
            )
            if whole:
                total[box] = probability
                continue
            weight = np.outer(_bell(probability.shape[1]), _bell(probability.shape[2]))
            total[box] += probability * weight
            weights[box if self.flat else box[1:]] += weight
        if not whole:
            total /= weights
        return total

    def one(self, fast: FastNetwork | FastPlain | FastVNet, box: tuple[slice, slice, slice], tick) -> np.ndarray:
        if self.layout is None:
            part = self.channels[(slice(None), *box)]
        else:
            how = self.layout
            part = how.channels.slices(self.channels[:, :, box[1], box[2]], how.there, box[0], how.slice_mm)
        if self.whiten:
            axes = (2, 3) if self.flat else (1, 2, 3)
            deviation = part.std(axis=axes, keepdims=True)
            part = (part - part.mean(axis=axes, keepdims=True)) / np.where(deviation > 1e-6, deviation, 1)
        shape = part.shape[1:]
        missing = [0 if axis == 0 and self.flat else -size % fast.multiple for axis, size in enumerate(shape)]
        if any(missing):
            part = np.pad(part, [(0, 0), *((0, more) for more in missing)], mode="reflect")
        tensor = tensor_of(np.ascontiguousarray(part))
        tensor = tensor.transpose(0, 1) if self.flat else tensor[None]
        if self.features is not None and isinstance(fast, FastNetwork):
            result = array_of(fast(tensor, tick, self.features.of(box)))
        else:
            result = array_of(fast(tensor, tick))
        return (result if self.flat else result[0])[tuple(slice(size) for size in shape)]

    def check(self, result: Prediction, threshold: float) -> float:
        """Dice of the mask against float32's, on the slice (2D) or window (3D) that holds most of it."""
        if self.flat:
            boxes = [(slice(s, s + 1), slice(None), slice(None)) for s in range(self.channels.shape[1])]
        else:
            s, y, x = self.channels.shape[1:]
            sizes = min(y, _CHECKED), min(x, _CHECKED)  # small: a run that stays in bfloat16 should not wait for it
            boxes = [
                (slice(0, s), slice(a, a + sizes[0]), slice(b, b + sizes[1]))
                for a, b in itertools.product(_starts(y, sizes[0]), _starts(x, sizes[1]))
            ]
        lesion = [(np.count_nonzero(result.probability[b] >= threshold), result.probability[b].max()) for b in boxes]
        box = boxes[max(range(len(boxes)), key=lesion.__getitem__)]
        tick = lambda done: self.progress(1.0, "Checking the precision")  # noqa: E731
        try:
            masks = [
                self.one(_fast(self.network, result.device, dtype), box, tick) >= threshold
                for dtype in (getattr(torch, result.precision), torch.float32)
            ]
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return 1.0  # nothing better can be had where float32 does not fit
        voxels = masks[0].sum() + masks[1].sum()
        return 2.0 * float((masks[0] & masks[1]).sum()) / float(voxels) if voxels else 1.0


def _fast(network: torch.nn.Module, device: str, dtype: torch.dtype) -> FastNetwork | FastPlain | FastVNet:
    if isinstance(network, VNet):
        return FastVNet(network, device, dtype)
    if isinstance(network, PlainUNet):
        return FastPlain(network, device, dtype)
    return FastNetwork(cast(UNet, network), device, dtype)


def _starts(size: int, window: int) -> list[int]:
    """First voxels of equally spaced windows that overlap by at least a quarter."""
    if window >= size:
        return [0]
    count = 1 + int(np.ceil((size - window) / (window * (1 - _OVERLAP))))
    return [round(n * (size - window) / (count - 1)) for n in range(count)]


def _bell(size: int) -> np.ndarray:
    """Gaussian weights of a window, its standard deviation an eighth of the window as is usual."""
    where = (np.arange(size) - (size - 1) / 2) / (size / 8)
    return np.exp(-0.5 * where**2).astype(np.float32)
