"""Colours of the panels' sentences: once, and readable on a light and on a dark ground."""

from __future__ import annotations

import qt

#: Kind of a sentence to its colour on a light and on a dark ground, at least 4.5 to 1 on both of Slicer's themes.
_COLOURS = {"error": ("#c62828", "#ff8a80"), "warning": ("#8f5600", "#ffb74d"), "good": ("#1f6b35", "#81c995")}
#: A badge, on every ground: dark on yellow.
BADGE = "background: #f5c542; color: #3a2e00; border-radius: 4px; padding: 2px 4px;"


def colour(kind):
    """ "#rrggbb" of "error", "warning" or "good" on the ground that the application has now; "" for a note."""
    return _COLOURS[kind][_isDark()] if kind in _COLOURS else ""


def sentence(kind):
    """Style sheet of a label that holds a sentence of this kind."""
    return f"color: {colour(kind)};" if kind in _COLOURS else ""


def _isDark():
    palette = qt.QApplication.palette()
    return palette.color(qt.QPalette.Window).lightness() < 128
