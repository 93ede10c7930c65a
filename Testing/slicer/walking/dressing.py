"""Window, panel, theme, pictures: what of the application is seen."""

import qt
import slicer


def facts():
    """What a reader of the results should know of the application."""
    found = {"Slicer": str(slicer.app.applicationVersion)}
    try:
        from SpineLib import __version__

        found["extension"] = __version__
    except ImportError:  # the modules put it on the path when they are loaded
        pass
    return found


def resize(size):
    """A window of "1366x768"."""
    width, height = (int(part) for part in size.split("x"))
    window = slicer.util.mainWindow()
    if window is None:
        return "there is no window"
    window.showNormal()
    window.resize(width, height)
    slicer.app.processEvents()
    return f"{window.width} x {window.height}"


def set_panel_width(width):
    """The module panel gets this width, or the smallest that it can have."""
    window = slicer.util.mainWindow()
    if window is None:
        return "there is no window"
    dock = slicer.util.findChild(window, "PanelDockWidget")
    dock.setMinimumWidth(0)
    dock.setMaximumWidth(width)
    slicer.app.processEvents()
    got = dock.width
    if got > width + 2:
        raise AssertionError(f"the panel needs {got} pixels")
    return f"{got} pixels"


def set_theme(theme):
    """Slicer's light or dark style."""
    slicer.app.setStyle("Dark Slicer" if theme == "dark" else "Light Slicer")
    slicer.app.setPalette(slicer.app.style().standardPalette())
    slicer.app.processEvents()


def picture(path):
    """Keep what the window shows as a PNG file; whether there was anything to keep."""
    window = slicer.util.mainWindow()
    if window is None:
        return False
    slicer.util.forceRenderAllViews()
    slicer.app.processEvents()
    return bool(window.grab().save(path))


def squeezed(widget):
    """Visible labels, buttons and boxes of a panel that have less height than they need, as text.

    Args:
        widget: the Python widget of a module.
    """
    found = []
    for child in widget.parent.findChildren(qt.QWidget):
        name, kind = child.objectName, child.className()
        if not child.visible or not name or name.startswith("qt_"):
            continue
        if kind == "QLabel" and child.wordWrap:
            needed = child.heightForWidth(child.width)
        elif kind in ("QLabel", "QPushButton", "QComboBox", "QCheckBox"):
            needed = child.minimumSizeHint.height()
        else:
            continue
        if child.height < needed:
            found.append(f"{name}: {child.height} of {needed} pixels")
    return found
