"""Networks of other programs as bundles: nnU-Net v2's plain U-Nets, and DynUNets of MONAI bundles."""
