"""The scan after an ablation into the space of the one before."""
