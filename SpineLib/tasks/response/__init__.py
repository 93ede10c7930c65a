"""Two examinations without an ablation between them: what became of each lesion."""
