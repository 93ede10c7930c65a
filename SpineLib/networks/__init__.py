"""The networks, one file each: plain ``torch.nn.Module``."""
