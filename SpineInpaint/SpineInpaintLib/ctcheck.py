"""What the chosen CT is like: whether it is one at all, metal, thick slices."""

from dataclasses import replace

import slicer

from SpineLib.errors import SpineError
from SpinePanel.i18n import tr as _
from SpinePanel.step import StepBase

#: A CT of more voxels is thinned before it is looked at.
_MANY = 10_000_000


class CtStep(StepBase):
    """Looks at the CT when another one is chosen, or its voxels were changed."""

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "ct")
        self._key, self._refusal, self._words = None, "", ""
        self._watched, self._stop = None, lambda: None

    def close(self):
        super().close()
        self._stop()

    def clear(self):
        super().clear()
        self._stop()
        self._watched = None
        self._key, self._refusal, self._words = None, "", ""

    def update(self):
        """Follow the choice."""
        if self._node is None:
            return
        from SpineLib.scene.changes import stamp_of, watch

        key, volume = None, self._node.ct
        if volume is not self._watched:
            self._stop()
            self._watched, self._stop = volume, watch(volume, self._panel.later)
        if volume is not None and volume.GetImageData() is not None:
            key = stamp_of(volume)
        if key == self._key:
            return
        self._key, self._refusal, self._words = key, "", ""
        self.widgets.say("")
        if key is not None:
            self._look(volume)

    def refusal(self):
        """Why the CT cannot be used, "" when it can."""
        self.update()
        return self._refusal

    def summary(self):
        """(whether there is a CT that can be used, a few words)."""
        return self._key is not None and not self._refusal, self._words

    def _look(self, volume):
        from SpineLib.scene.nodes import volume_from_node

        try:
            from SpineLib.tasks.ct.checks import check_ct

            image = volume_from_node(volume, "CT", voxels=False)
            self.widgets.say(" ".join(check_ct(_thinned(volume, image))), warning=True)
            size = " × ".join(str(n) for n in image.shape[::-1])
            self._words = f"{size}, {max(image.spacing):.2g} mm"
        except SpineError as error:
            self._refusal = str(error)
            self.widgets.say(self._refusal, error=True)
        except ModuleNotFoundError as error:  # before Install was pressed
            slicer.util.showStatusMessage(_("The CT was not checked: {name} is missing.").format(name=error.name), 3000)


def _thinned(node, grid):
    """The CT without a copy; of a large one only every second or third voxel, so that the window need not wait."""
    step = max(round((grid.array.size / _MANY) ** (1 / 3)), 1)
    steps = [step if step * spacing <= 2.5 else 1 for spacing in grid.spacing]
    array = slicer.util.arrayFromVolume(node)[tuple(slice(None, None, step) for step in reversed(steps))]
    spacing = tuple(step * one for step, one in zip(steps, grid.spacing, strict=True))
    return replace(grid, array=array, spacing=spacing)
