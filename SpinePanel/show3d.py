"""The button "Show 3D": a segmentation's surfaces in the 3-D view, the same in every panel."""


class Show3d:
    """A button that shows and hides a segmentation's surfaces.

    Args:
        button: checkable.
        panel: its views look at what is shown; it is asked to follow afterwards.
        segmentation: callable without arguments; the node, or None.
    """

    def __init__(self, button, panel, segmentation):
        self._button, self._panel, self._segmentation = button, panel, segmentation
        button.connect("clicked(bool)", self.onClicked)

    def close(self):
        """Let go of the button."""
        self._button.disconnect("clicked(bool)", self.onClicked)

    def update(self):
        """Follow the segmentation."""
        from SpineLib.scene.views import are_surfaces_shown

        segmentation = self._segmentation()
        self._button.enabled = segmentation is not None
        self._button.checked = segmentation is not None and are_surfaces_shown(segmentation)

    def onClicked(self, checked=False):
        """Show the surfaces, or hide them."""
        from SpineLib.scene.views import are_surfaces_shown, show_surfaces

        segmentation = self._segmentation()
        if segmentation is not None:
            shown = not are_surfaces_shown(segmentation)
            show_surfaces(segmentation, shown)
            if shown:
                self._panel.views.lookAt(segmentation)
        self._panel.later()
