"""Simulated trunks for the column on MR: what lies where, as a fine label map that is painted afresh each time."""
