"""Measures of how well a result agrees with a reference."""
