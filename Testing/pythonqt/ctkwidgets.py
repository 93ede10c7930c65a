"""The CTK widgets the panels use, as far as they use them."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal

from .objects import custom

#: What CTK adds below the header of a collapsed button, pixels.
_COLLAPSED = 10


@custom("ctk")
class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A header that shows or hides what lies below it; a child that somebody has hidden stays hidden when it opens.

    Sizes, visibility of children and margins as in CTK: opened, it may become as low as its layout's smallest size,
    which for labels that wrap is less than the height that their width asks for.
    """

    contentsCollapsed = Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._collapsed = self._forcing = False
        self._highest = self.maximumHeight()
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, QtWidgets.QSizePolicy.Policy.Preferred)
        self.setContentsMargins(0, self._header().height(), 0, 0)
        self.setBackgroundRole(QtGui.QPalette.ColorRole.Window)
        self.toggled.connect(lambda opened: self._collapse(not opened))

    def _collapse(self, collapsed):
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self.setChecked(not collapsed)
        if collapsed:
            self._highest = self.maximumHeight()
            self.setMaximumHeight(self.sizeHint().height())
        else:
            self.setMaximumHeight(self._highest)
        for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly):
            self._show_child(child)
        self.updateGeometry()
        self.contentsCollapsed.emit(collapsed)

    def _show_child(self, child):
        wanted = child.property("visibilityToParent")
        self._forcing = True
        child.setVisible(not self._collapsed and wanted is not False)
        if wanted is not False:  # nobody said so: it is this button that hides it
            child.setAttribute(QtCore.Qt.WidgetAttribute.WA_WState_ExplicitShowHide, False)
        self._forcing = False

    def childEvent(self, event):
        # A child of a .ui is added before Python can tell that it will be a widget, and is one when it is polished.
        arrived = event.type() in (QtCore.QEvent.Type.ChildAdded, QtCore.QEvent.Type.ChildPolished)
        if arrived and isinstance(event.child(), QtWidgets.QWidget):
            event.child().installEventFilter(self)
            if self._collapsed:
                self._show_child(event.child())
        super().childEvent(event)

    def setVisible(self, visible):
        self._forcing = True
        super().setVisible(visible)
        self._forcing = False

    def eventFilter(self, child, event):
        if not self._forcing and event.type() == QtCore.QEvent.Type.ShowToParent:
            child.setProperty("visibilityToParent", True)
            self._show_child(child)
        elif not self._forcing and event.type() == QtCore.QEvent.Type.HideToParent:
            child.setProperty("visibilityToParent", False)
        return False

    def hitButton(self, position):
        return position.y() < self._header().height()

    def _header(self):
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        text = self.fontMetrics().size(QtCore.Qt.TextFlag.TextShowMnemonic, self.text() or "XXXX")
        style, metric = self.style(), QtWidgets.QStyle.PixelMetric
        width = style.pixelMetric(metric.PM_IndicatorWidth, option, self) + style.pixelMetric(
            metric.PM_CheckBoxLabelSpacing, option, self
        )
        height = max(style.pixelMetric(metric.PM_IndicatorHeight, option, self), text.height())
        size = QtCore.QSize(width + text.width(), height)
        return style.sizeFromContents(QtWidgets.QStyle.ContentsType.CT_PushButton, option, size, self)

    def sizeHint(self):
        collapsed = self._header() + QtCore.QSize(0, _COLLAPSED)
        return collapsed if self._collapsed else QtWidgets.QWidget.sizeHint(self).expandedTo(collapsed)

    def minimumSizeHint(self):
        if self._collapsed:
            return self._header() + QtCore.QSize(0, _COLLAPSED)
        if self.layout() is None:
            return self._header()
        return QtWidgets.QWidget.minimumSizeHint(self).expandedTo(self._header())

    def paintEvent(self, event):
        painter, height = QtGui.QPainter(self), self._header().height()
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, self.width(), height)
        self.style().drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option, painter, self)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QtCore.QRect(6, (height - 12) // 2, 12, 12)
        down = QtWidgets.QStyle.PrimitiveElement.PE_IndicatorArrowDown
        right = QtWidgets.QStyle.PrimitiveElement.PE_IndicatorArrowRight
        self.style().drawPrimitive(right if self._collapsed else down, arrow, painter, self)
        painter.setPen(self.palette().color(QtGui.QPalette.ColorRole.ButtonText))
        painter.drawText(
            QtCore.QRect(24, 0, self.width() - 24, height), QtCore.Qt.AlignmentFlag.AlignVCenter, self.text()
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
