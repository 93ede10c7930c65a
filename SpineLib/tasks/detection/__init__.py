"""Places suspicious of metastasis on MR (Wang 2017)."""
