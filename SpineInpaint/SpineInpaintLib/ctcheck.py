"""What the chosen CT is like: whether it is one at all, metal, thick slices."""

from dataclasses import replace

import slicer

from SpineLib.errors import SpineError

#: A CT of more voxels is thinned before it is looked at.
_MANY = 10_000_000


class CtCheck:
    """Looks at the CT when another one is chosen, or its voxels were changed.

    Args:
        label: gets the sentences.
        section: that the label lies in.
    """

    def __init__(self, label, section):
        self._label, self._section = label, section
        self._key, self._refusal, self._words = None, "", ""

    def close(self):
        self._key = None

    def update(self, volume):
        """Follow the choice."""
        key = None
        if volume is not None and volume.GetImageData() is not None:
            key = (volume.GetID(), volume.GetImageData().GetMTime(), volume.GetTransformNodeID())
        if key == self._key:
            return
        self._key, self._refusal, self._words = key, "", ""
        if key is not None:
            self._look(volume)
        self.refresh()

    def refusal(self, volume):
        """Why the CT cannot be used, "" when it can."""
        self.update(volume)
        return self._refusal

    def summary(self):
        """(whether there is a CT that can be used, a few words)."""
        return self._key is not None and not self._refusal, self._words

    def refresh(self):
        """After the section was opened, which shows all its widgets."""
        self._label.visible = bool(self._label.text) and not self._section.collapsed

    def _look(self, volume):
        from SpineLib.scene.nodes import volume_from_node

        self._label.text, self._label.styleSheet = "", "color: #b26a00;"
        try:
            from SpineLib.tasks.ct.checks import check_ct

            image = volume_from_node(volume, "CT", voxels=False)
            self._label.text = " ".join(check_ct(_thinned(volume, image)))
            size = " × ".join(str(n) for n in image.shape[::-1])
            self._words = f"{size}, {max(image.spacing):.2g} mm"
        except SpineError as error:
            self._refusal = self._label.text = str(error)
            self._label.styleSheet = "color: #d0342c;"
        except ModuleNotFoundError as error:  # before Install was pressed
            slicer.util.showStatusMessage(f"The CT was not checked: {error.name} is missing.", 3000)


def _thinned(node, grid):
    """The CT without a copy; of a large one only every second or third voxel, so that the window need not wait."""
    step = max(round((grid.array.size / _MANY) ** (1 / 3)), 1)
    steps = [step if step * spacing <= 2.5 else 1 for spacing in grid.spacing]
    array = slicer.util.arrayFromVolume(node)[tuple(slice(None, None, step) for step in reversed(steps))]
    spacing = tuple(step * one for step, one in zip(steps, grid.spacing, strict=True))
    return replace(grid, array=array, spacing=spacing)
