"""Tables of the panels: rows of texts, each of a thing; what is chosen is the thing, not the row's number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt

#: Heights, pixels: of a row, of the header with the frame, and Qt's own "as high as you like".
_ROW, _HEADER, _ANY_HEIGHT = 24, 32, 16_777_215


class Table:
    """Fills a ``QTableWidget`` and tells which thing was clicked or is chosen.

    Args:
        widget: the table.
        titles: of the columns.
        stretched: index of the column that takes what width is left; None: all share it.
        right: indices of the columns that are aligned to the right.
        tips: of the columns' headers.
        onClicked: gets the clicked row's thing.
        same: finds the thing chosen before among the new ones: (thing, things) to index or None; default: equal.
        onChecked: gets the thing and whether the box before its first text was ticked by the user.
        keys: text of a key ("A", "Space") to what is called with the chosen thing while the table has the keyboard.
    """

    def __init__(
        self,
        widget,
        titles: Sequence[str],
        stretched: int | None = None,
        right: Sequence[int] = (),
        tips: Sequence[str] = (),
        onClicked: Callable | None = None,
        same: Callable | None = None,
        onChecked: Callable | None = None,
        keys: Mapping[str, Callable] | None = None,
    ):
        self._widget, self._right, self._onClicked = widget, set(right), onClicked
        self._same = same or (lambda thing, things: things.index(thing) if thing in things else None)
        self._things: list = []
        self._onChecked, self._shortcuts = onChecked, []
        widget.setColumnCount(len(titles))
        widget.setHorizontalHeaderLabels(list(titles))
        for column, tip in enumerate(tips):
            widget.horizontalHeaderItem(column).setToolTip(tip)
        widget.verticalHeader().visible = False
        widget.verticalHeader().setDefaultSectionSize(_ROW)
        header = widget.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(qt.QHeaderView.Stretch if stretched is None else qt.QHeaderView.ResizeToContents)
        if stretched is not None:
            header.setSectionResizeMode(stretched, qt.QHeaderView.Stretch)
        self._height = widget.minimumHeight
        self._makeRoom(0)
        self._connections: list[tuple[Any, str, Callable]] = [(widget, "cellClicked(int,int)", self._clicked)]
        if onChecked is not None:
            self._connections.append((widget, "itemChanged(QTableWidgetItem*)", self._changed))
        for key, call in (keys or {}).items():
            shortcut = qt.QShortcut(qt.QKeySequence(key), widget)
            shortcut.setContext(qt.Qt.WidgetShortcut)
            self._shortcuts.append(shortcut)
            self._connections.append((shortcut, "activated()", self._calling(call)))
        for source, signal, slot in self._connections:
            source.connect(signal, slot)

    def close(self):
        """Let go of the widget."""
        for source, signal, slot in self._connections:
            source.disconnect(signal, slot)
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
        self._connections, self._shortcuts = [], []

    def show(self, rows, things=None, colours=None, tips=None, icons=None, checks=None):
        """Replace the rows; the chosen thing stays chosen while it is there.

        Args:
            rows: texts of each row.
            things: what each row is of; default: its texts.
            colours: row index to colour of its text ("#rrggbb").
            tips: row index to tool tip.
            icons: row index to ``QIcon`` of its first cell.
            checks: row index to whether the box before its first text is ticked; without one there is no box.
        """
        rows = [tuple(texts) for texts in rows]
        things = list(rows if things is None else things)
        chosen, widget = self.current(), self._widget
        blocked = widget.blockSignals(True)
        self._things = things
        widget.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                if column in self._right:
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                if row in (colours or {}):
                    item.setForeground(qt.QBrush(qt.QColor(colours[row])))
                item.setToolTip((tips or {}).get(row, text))  # a narrow panel cuts it off
                if column == 0 and row in (icons or {}):
                    item.setIcon(icons[row])
                if column == 0 and row in (checks or {}):
                    item.setCheckState(qt.Qt.Checked if checks[row] else qt.Qt.Unchecked)
                widget.setItem(row, column, item)
        self._choose(None if chosen is None or not things else self._same(chosen, things))
        widget.blockSignals(blocked)
        self._makeRoom(len(rows))

    def _makeRoom(self, rows):
        """An empty table takes none, one of few rows no more than they need."""
        needed = _HEADER + _ROW * rows if rows else 0
        self._widget.minimumHeight = min(needed, self._height)
        self._widget.maximumHeight = needed if needed <= self._height else _ANY_HEIGHT

    def current(self):
        """The chosen thing, or None."""
        row = self._widget.currentRow()
        return self._things[row] if 0 <= row < len(self._things) else None

    def choose(self, thing):
        """Choose a thing; None, or one that is not there, chooses nothing."""
        self._choose(self._things.index(thing) if thing in self._things else None)

    def _choose(self, row):
        row = -1 if row is None else row
        if row != self._widget.currentRow():
            self._widget.setCurrentCell(row, 0 if row >= 0 else -1)
        if row < 0:
            self._widget.clearSelection()

    def _changed(self, item):
        if self._onChecked is not None and item.column() == 0 and item.row() < len(self._things):
            self._onChecked(self._things[item.row()], int(item.checkState()) == int(qt.Qt.Checked))

    def _calling(self, call):
        def onKey():
            if (thing := self.current()) is not None:
                call(thing)

        return onKey

    def _clicked(self, row, column):
        if self._onClicked is not None and row < len(self._things):
            self._onClicked(self._things[row])


def swatch(rgb):
    """A small square of a colour (r, g, b, 0 to 1)."""
    pixmap = qt.QPixmap(12, 12)
    pixmap.fill(qt.QColor(*[round(255 * part) for part in rgb]))
    return qt.QIcon(pixmap)
