"""The words of the panels in the user's language. No Qt here.

``tr`` is imported as ``_`` and called with a literal, so that Slicer's tools find it; they tell the context by the file
that calls. Numbers and names come in by ``.format``, never before.
"""

from __future__ import annotations

try:
    from slicer.i18n import tr, translate
except ImportError:  # scripts and tests outside the application

    def tr(text: str) -> str:
        """The text as it is."""
        return text

    def translate(context: str, text: str) -> str:
        """The text as it is."""
        return text


__all__ = ["tr", "translate"]
