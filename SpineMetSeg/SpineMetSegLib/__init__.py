"""Parts of the module SpineMetSeg. ``run`` and ``models`` need no Qt and work on slicer-core, too."""
