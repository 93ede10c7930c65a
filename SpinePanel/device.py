"""Where the networks run, as all panels offer it. No Qt here."""

import enum


class Device(enum.Enum):
    """Values are those of SpineLib."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"

    def label(self):
        """As the combo box shows it."""
        return {
            "auto": "Automatic",
            "cpu": "Processor (CPU)",
            "cuda": "NVIDIA graphics card (CUDA)",
            "mps": "Apple graphics (MPS)",
        }[self.value]
