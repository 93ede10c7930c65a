"""Training of the multi-resolution Siamese detector (Wang et al. 2017)."""
