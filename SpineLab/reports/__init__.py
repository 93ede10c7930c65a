"""Pages and charts of evaluations."""
