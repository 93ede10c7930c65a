"""The state of a running repair as a small picture in the panel."""

from pathlib import Path

import qt

#: Height of the picture, and the gap between its three slices, pixels.
_HEIGHT, _GAP = 120, 6


class Preview:
    """Shows the volumes that a job offers, three slices of each side by side.

    Args:
        label: ``QLabel``.
        section: that the label lies in.
    """

    def __init__(self, label, section):
        self._label, self._section, self._shown = label, section, False
        self.clear()

    def clear(self):
        """Take the picture away."""
        self._shown = False
        self._label.clear()
        self.refresh()

    def refresh(self):
        """After the section was opened, which shows all its widgets."""
        self._label.visible = self._shown and not self._section.collapsed

    def show(self, path):
        """Show a volume: 0 is nothing, 1 is bone.

        Args:
            path: NRRD file in the job's folder; the picture is written beside it for a moment.
        """
        from SpineLib.errors import SpineError
        from SpineLib.volume import read_volume

        try:
            picture = slices_picture(read_volume(path, "preview"))
        except SpineError:  # the next one will come
            return
        file = Path(path).with_suffix(".png")
        write_png(picture, file)
        pixmap = qt.QPixmap(str(file))
        file.unlink(missing_ok=True)
        if not pixmap.isNull():
            self._label.setPixmap(pixmap)
            self._label.toolTip = "The repair so far: axial, coronal and sagittal slice through its middle"
            self._shown = True
            self.refresh()


def slices_picture(volume):
    """Axial, coronal and sagittal slice through the middle of what is there; uint8 (rows, columns)."""
    import numpy as np
    from SpineLib.preprocess.orientation import Orientation

    orientation = Orientation.of(volume)  # (x: left to right, z: top to bottom, y: front to back)
    array = np.nan_to_num(orientation.apply(np.asarray(volume.array, np.float32)))
    steps = [volume.spacing[2 - axis] for axis in orientation.axes]
    top = max(float(array.max()), 1e-6)
    there = np.argwhere(array > 0.5 * top)
    middle = there.mean(axis=0).round().astype(int) if len(there) else np.array(array.shape) // 2
    s, z, y = middle
    slices = ((array[:, z, :].T, steps[2], steps[0]), (array[:, :, y].T, steps[1], steps[0]),
              (array[s], steps[1], steps[2]))  # fmt: skip
    parts = []
    for picture, down, across in slices:
        rows, columns = picture.shape
        width = max(round(_HEIGHT * columns * across / (rows * down)), 1)
        at_row = np.minimum((np.arange(_HEIGHT) + 0.5) * rows / _HEIGHT, rows - 1).astype(int)
        at_column = np.minimum((np.arange(width) + 0.5) * columns / width, columns - 1).astype(int)
        parts += [picture[at_row][:, at_column] / top, np.zeros((_HEIGHT, _GAP), np.float32)]
    return np.clip(255 * np.concatenate(parts[:-1], axis=1), 0, 255).astype(np.uint8)


def write_png(picture, path):
    """Grey values (rows, columns) as a PNG file."""
    import numpy as np
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(picture.shape[1], picture.shape[0], 1)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(picture[::-1]).ravel(), deep=True))
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    writer.Write()
