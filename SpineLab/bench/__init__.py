"""Time and memory of the inner work, beside the plain way: one file a topic."""
