"""Training of the U-Net that segments metastases, necroses after ablation, or vertebrae on MR."""
