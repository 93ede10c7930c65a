"""Parts of the module SpineNecrosis. ``runs`` needs no Qt and works on slicer-core, too."""
