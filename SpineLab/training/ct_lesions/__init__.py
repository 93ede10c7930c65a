"""Training of the lesion detector on CT: Faster R-CNN on VGG-16 (Miao, section II.C)."""
