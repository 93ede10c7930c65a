"""``qt.QUiLoader`` that knows the stand-in widgets and the signals Qt itself cannot match."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools

from .objects import CUSTOM, PythonQtObject, proxy_class, wrap


class QUiLoader(proxy_class(QtUiTools.QUiLoader)):
    """Loads a ``.ui`` file; an unknown widget class, a wrong connection or a doubtful property raises."""

    __slots__ = ()

    def __init__(self, *arguments):
        super().__init__(*arguments)
        for cls, _ in CUSTOM.values():
            self._object.registerCustomWidget(cls)

    def load(self, file: PythonQtObject):
        tree = ElementTree.fromstring(bytes(file._object.readAll()))
        for declared in tree.iterfind("customwidgets/customwidget/class"):
            if declared.text not in CUSTOM:
                raise RuntimeError(f"The stand-in has no widget {declared.text}")
        connections = tree.find("connections")
        wanted = [
            tuple(c.findtext(key) for key in ("sender", "signal", "receiver", "slot"))
            for c in (connections if connections is not None else ())
        ]
        if connections is not None:
            tree.remove(connections)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(tree))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        widget = self._object.load(buffer)
        if widget is None:
            return None
        for sender, signal, receiver, slot in wanted:
            source, target = (
                widget if widget.objectName() == name else widget.findChild(QtCore.QObject, name)
                for name in (sender, receiver)
            )
            if source is None or target is None:
                raise RuntimeError(f"The connection from {sender} to {receiver} names a widget that is not there")
            getattr(source, signal.split("(")[0]).connect(getattr(target, slot.split("(")[0]))
        return wrap(widget)
