"""Training: data sets on disk, augmentation, losses, the loop, cross-validation, evaluation."""
