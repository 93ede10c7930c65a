"""Where the networks run, as all panels offer it. No Qt here."""

import enum

from SpinePanel.i18n import tr as _


class Device(enum.Enum):
    """Values are those of SpineLib."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"

    def label(self):
        """As the combo box shows it."""
        return {
            "auto": _("Automatic"),
            "cpu": _("Processor (CPU)"),
            "cuda": _("NVIDIA graphics card (CUDA)"),
            "mps": _("Apple graphics (MPS)"),
        }[self.value]
