"""From a patient's volumes to what a network reads, and back."""

from SpineLib.preprocess.preparation import Preparation, Prepared, prepare

__all__ = ["Preparation", "Prepared", "prepare"]
