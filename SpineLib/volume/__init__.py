"""Images with their geometry (LPS, mm), and their files."""

from SpineLib.volume.volume import Volume

__all__ = ["Volume"]
