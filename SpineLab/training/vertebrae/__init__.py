"""Training of the networks that segment vertebrae on CT."""
