"""Time and memory of the inner work, each beside a plain way to the same."""

#: What a segmentation is measured with, by kind.
MODELS = {"2d": "mets-t1t2-2d", "3d": "mets-t1t2-3d"}
