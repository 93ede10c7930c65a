"""Printable models of vertebrae."""
