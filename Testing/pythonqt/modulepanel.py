"""The panel at the left of Slicer's window, into which the chosen module's widget is put (qSlicerModulePanel)."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

#: Width and height of the panel in Slicer's window on a common screen, pixels.
WIDTH, HEIGHT = 420, 900


class ModulePanel(QtWidgets.QScrollArea):
    """Puts widgets in and takes them out as the real one does, with what Qt makes of that.

    On leaving a module Slicer takes its widget's item out of the layout and does not delete it. Qt then goes on telling
    that old item of changed sizes, and the new item keeps the heights for width that it has once computed: labels that
    wrap get no more room when their text grows, and what lies below is squeezed.
    """

    def __init__(self):
        super().__init__()
        self._left_items = []
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(QtWidgets.QWidget())
        self._layout = QtWidgets.QVBoxLayout(self.widget())
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(QtWidgets.QLabel("Help & Acknowledgement"))
        self._layout.addStretch(0)
        self.resize(WIDTH, HEIGHT)

    def put(self, widget: QtWidgets.QWidget) -> None:
        """Show a module's widget."""
        widget.layout().setContentsMargins(0, 0, 0, 0)
        self._layout.insertWidget(1, widget, 1)
        widget.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, widget.sizePolicy().verticalPolicy())
        widget.setVisible(True)
        self.updateGeometry()

    def take(self, widget: QtWidgets.QWidget) -> None:
        """Hide it again; the layout's item lives on."""
        index = self._layout.indexOf(widget)
        if index >= 0:
            self._left_items.append(self._layout.takeAt(index))
        widget.setVisible(False)
        widget.setParent(None)
