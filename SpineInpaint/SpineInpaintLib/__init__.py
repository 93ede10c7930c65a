"""The parts of the module SpineInpaint: a file for each step of the panel, runs, sample data, the module's own test."""
