"""A stand-in for Slicer's PythonQt on PySide6, so that the panels' real ``.ui`` and code run without the desktop.

``with desktop() as application:`` puts modules ``qt``, ``ctk`` and the Qt half of ``slicer`` in place, on top of the
real MRML scene of ``Testing.headless``, and takes them away again. It behaves as PythonQt does in Slicer 5.12:
properties are attributes, unknown names raise, nothing can be added to a C++ object. It is stricter in one point: a
connection to a signal that does not exist raises here, where PythonQt stays silent. Where the list of the real
application's names is at hand (``pythonqt-api.json.gz``), no name outside it can be used.
"""

from .desktop import desktop

__all__ = ["desktop"]
