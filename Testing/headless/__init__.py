"""Slicer's MRML scene without Slicer's window, for tests: ``slicer-core`` plus what the application adds at start-up.

``start()`` gives the ``slicer`` package with ``mrmlScene``, ``app`` (application logic, temporary folder, rendering
switches), ``modules`` (the logics of the loadable modules under their real names) and a working ``slicer.util``.  There
is no ``qt``, no widget and no view; the panels' stand-in adds those on top.
"""

from .application import close_scene, start

__all__ = ["close_scene", "start"]
