"""Before and after an ablation: what was covered, with which margin (Steffen 2020)."""
