"""The parts of ``spine demo``."""
