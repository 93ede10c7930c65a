"""The state of a running repair as a small picture in the panel."""

from pathlib import Path

import qt

from SpinePanel.i18n import tr as _

#: Width of the picture, and the gap between its three slices, pixels; voxels shown around the bone.
_WIDTH, _GAP, _AROUND = 330, 6, 2


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
            self._label.toolTip = _("The repair so far: axial, coronal and sagittal slice through its middle")
            self._shown = True
            self.refresh()


def slices_picture(volume, width=_WIDTH):
    """Axial, coronal and sagittal slice through the vertebra's body side by side; uint8 (rows, columns).

    Args:
        volume: 0 is nothing, the largest value is bone.
        width: of the picture, pixels.
    """
    import numpy as np

    from SpineLib.geometry.orientation import Orientation
    from SpineLib.scene.masks import bounding_box

    orientation = Orientation.of(volume)  # (right to left, top to bottom, front to back)
    array = np.nan_to_num(orientation.apply(np.asarray(volume.array, np.float32)))
    steps = [volume.spacing[2 - axis] for axis in orientation.axes]
    top = max(float(array.max()), 1e-6)
    box = bounding_box(array > 0.5 * top) or tuple(slice(0, size) for size in array.shape)
    array = array[tuple(slice(max(one.start - _AROUND, 0), one.stop + _AROUND) for one in box)] / top
    there = np.argwhere(array > 0.5)
    # A third of the bone lies before the canal's front wall or so: there the coronal slice shows the body.
    s, z, y = np.percentile(there, (50, 50, 33), axis=0).diagonal().round().astype(int) if len(there) else (0, 0, 0)
    slices = ((array[:, z, :].T, steps[2], steps[0]), (array[:, :, y].T, steps[1], steps[0]),
              (array[s], steps[1], steps[2]))  # fmt: skip
    heights = [picture.shape[0] * down for picture, down, _ in slices]
    widths = [picture.shape[1] * across for picture, _, across in slices]
    pixel = sum(widths) / (width - 2 * _GAP)  # mm
    canvas, left = np.zeros((int(np.ceil(max(heights) / pixel)), width), np.float32), 0
    for (picture, *_rest), high, wide in zip(slices, heights, widths, strict=True):
        size = max(int(high / pixel), 1), max(int(wide / pixel), 1)
        at = [
            np.minimum((np.arange(n) + 0.5) * count / n, count - 1).astype(int)
            for n, count in zip(size, picture.shape, strict=True)
        ]
        above = (canvas.shape[0] - size[0]) // 2
        canvas[above : above + size[0], left : left + size[1]] = picture[np.ix_(*at)][:, : width - left]
        left += size[1] + _GAP
    return np.clip(255 * canvas, 0, 255).astype(np.uint8)


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
