"""The CTK widgets the panels use, as far as they use them."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal

from .objects import custom

_HEADER = 24


@custom("ctk")
class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A header that shows or hides what lies below it."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._collapsed = False
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setContentsMargins(0, _HEADER, 0, 0)
        self.clicked.connect(lambda: self._collapse(not self._collapsed))

    def _collapse(self, collapsed):
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self.setChecked(not collapsed)
        for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly):
            child.setVisible(not collapsed and not child.property("hiddenBefore"))
        self.updateGeometry()
        self.contentsCollapsed.emit(collapsed)

    def event(self, event):
        if (
            event.type() == QtCore.QEvent.Type.ChildPolished
            and self._collapsed
            and isinstance(event.child(), QtWidgets.QWidget)
        ):
            event.child().hide()
        return super().event(event)

    def sizeHint(self):
        width = self.fontMetrics().horizontalAdvance(self.text()) + 40
        if self._collapsed or self.layout() is None:
            return QtCore.QSize(width, _HEADER)
        inner = self.layout().totalSizeHint()
        if self.layout().hasHeightForWidth() and self.width() > 0:
            inner.setHeight(self.layout().totalHeightForWidth(self.width()))
        return QtCore.QSize(max(width, inner.width()), inner.height())

    def minimumSizeHint(self):
        if self._collapsed or self.layout() is None:
            return self.sizeHint()
        return QtCore.QSize(self.layout().totalMinimumSize().width(), self.sizeHint().height())

    def resizeEvent(self, event):
        super().resizeEvent(event)
        self.updateGeometry()

    def paintEvent(self, event):
        painter = QtGui.QPainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, self.width(), _HEADER - 2)
        self.style().drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option, painter, self)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QtCore.QRect(6, 5, 12, 12)
        down = QtWidgets.QStyle.PrimitiveElement.PE_IndicatorArrowDown
        right = QtWidgets.QStyle.PrimitiveElement.PE_IndicatorArrowRight
        self.style().drawPrimitive(right if self._collapsed else down, arrow, painter, self)
        painter.drawText(
            QtCore.QRect(24, 0, self.width() - 24, _HEADER - 2), QtCore.Qt.AlignmentFlag.AlignVCenter, self.text()
        )

    collapsed = Property(bool, lambda self: self._collapsed, _collapse)


@custom("ctk")
class ctkSliderWidget(QtWidgets.QWidget):
    """A slider with a spin box for one real number."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    SIGNATURES = ("valueChanged(double)", "valueIsChanging(double)")

    def __init__(self, parent=None):
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._box = QtWidgets.QDoubleSpinBox()
        self._box.setMaximum(99)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._box)
        self._box.valueChanged.connect(self._changed)
        self._slider.valueChanged.connect(lambda steps: self._box.setValue(steps * self._box.singleStep()))
        self._box.setSingleStep(1)

    def _changed(self, value):
        self._follow()
        self.valueChanged.emit(value)

    def _follow(self):
        blocked = self._slider.blockSignals(True)
        step = self._box.singleStep()
        self._slider.setRange(round(self._box.minimum() / step), round(self._box.maximum() / step))
        self._slider.setValue(round(self._box.value() / step))
        self._slider.blockSignals(blocked)

    def setValue(self, value):
        self._box.setValue(value)

    def _put(self, setter, value):
        setter(value)
        self._follow()

    value = Property(float, lambda self: self._box.value(), setValue)
    minimum = Property(float, lambda self: self._box.minimum(), lambda self, v: self._put(self._box.setMinimum, v))
    maximum = Property(float, lambda self: self._box.maximum(), lambda self, v: self._put(self._box.setMaximum, v))
    singleStep = Property(
        float, lambda self: self._box.singleStep(), lambda self, v: self._put(self._box.setSingleStep, v)
    )
    decimals = Property(int, lambda self: self._box.decimals(), lambda self, v: self._box.setDecimals(v))
    suffix = Property(str, lambda self: self._box.suffix(), lambda self, v: self._box.setSuffix(v))


@custom("ctk")
class ctkComboBox(QtWidgets.QComboBox):
    """A combo box with a text for "nothing chosen"."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._default = "Select an item..."

    defaultText = Property(str, lambda self: self._default, lambda self, text: setattr(self, "_default", text))
