"""The training of WGAN-GP and DCGAN on slices of vertebrae."""
