"""The one room that knows Slicer: MRML nodes become volumes, results become nodes.

Works in the application and on ``slicer-core`` alike; imports ``slicer``, ``vtk`` and numpy, never ``qt`` or ``ctk``.
Nothing is imported here, so that a panel pays only for what it uses.
"""
