"""The methods of repair, and what the user may choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from SpineLib.errors import SpineError
from SpineLib.settings import Settings
from SpineLib.volume.volume import Volume

#: Gets the share done and the repair so far.
Preview = Callable[[float, Volume], None]
#: What each method is, for people.
METHODS = {
    "completion": "3-D completion, a network that looks at mirror image and neighbours",
    "wgan-gp": "WGAN-GP, slice by slice (the paper)",
    "wgan-gp-tied": "WGAN-GP, slices tied",
    "dcgan": "DCGAN, slice by slice",
    "dcgan-tied": "DCGAN, slices tied",
    "templates": "mirror image and neighbours, fitted and averaged",
    "mirror": "mirror image, fitted",
    "neighbours": "neighbours, fitted and averaged",
    "interpolation": "signed distances, interpolated",
}
#: The task of the model that a method needs, and the model unless the user chooses another; the rest need none.
METHOD_MODELS = {
    "completion": ("vertebra-completion", "complete-vertebra"),
    "wgan-gp": ("vertebra-inpainting", "inpaint-wgan-gp"),
    "wgan-gp-tied": ("vertebra-inpainting", "inpaint-wgan-gp"),
    "dcgan": ("vertebra-inpainting", "inpaint-dcgan"),
    "dcgan-tied": ("vertebra-inpainting", "inpaint-dcgan"),
}


@dataclass(frozen=True)
class InpaintSettings(Settings):
    """What the user may choose.

    Attributes:
        method: one of :data:`METHODS`.
        margin_mm: around the lesion, replaced too.
        steps, rate, weight: of the GANs' descent; weight is lambda of the paper's equation 5.
        tie: how much slices hold together in the tied methods.
        seed: of the GANs' noise.
        device: what a network runs on, "auto", "cuda", "mps" or "cpu".
    """

    method: str = "completion"
    margin_mm: float = 1.0
    steps: int = 200
    rate: float = 0.05
    weight: float = 0.1
    tie: float = 1.0
    seed: int = 0
    device: str = "auto"

    def __post_init__(self):
        if self.method not in METHODS:
            raise SpineError(f"There is no method '{self.method}'; there are {', '.join(METHODS)}.")
        if not 0 <= self.margin_mm <= 20:
            raise SpineError(f"The margin around the lesion is {self.margin_mm} mm; choose one from 0 to 20.")
        if not (1 <= self.steps <= 100_000 and 0 < self.rate < 10 and 0 <= self.weight < 1e6 and 0 <= self.tie < 1e6):
            raise SpineError("A setting of the GAN is out of its range; leave it at its default.")
