"""Filling tables of the panel."""

import qt


def prepareTable(table, titles, stretched):
    """Columns and looks of an empty table.

    Args:
        table: ``QTableWidget``.
        titles: of the columns.
        stretched: index of the column that takes what width is left.
    """
    table.setColumnCount(len(titles))
    table.setHorizontalHeaderLabels(list(titles))
    table.verticalHeader().visible = False
    table.verticalHeader().setDefaultSectionSize(22)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(stretched, qt.QHeaderView.Stretch)


def fillTable(table, rows, right=(), colours=None, tips=None):
    """Replace the rows.

    Args:
        rows: texts of each row.
        right: indices of the columns that are aligned to the right.
        colours: row index to colour of its text ("#d0342c").
        tips: row index to tool tip.
    """
    table.setRowCount(len(rows))
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            if column in right:
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            if row in (colours or {}):
                item.setForeground(qt.QBrush(qt.QColor(colours[row])))
            if row in (tips or {}):
                item.setToolTip(tips[row])
            table.setItem(row, column, item)
