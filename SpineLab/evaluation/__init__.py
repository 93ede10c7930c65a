"""How well models do: one file a kind of model."""
