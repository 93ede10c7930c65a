"""How the step "Learn from corrections" shows figures: the trend over patients, and two models side by side."""

from __future__ import annotations

from itertools import pairwise

import qt

from SpinePanel import style
from SpinePanel.i18n import tr as _

_WIDTH, _HEIGHT, _EDGE = 260, 70, 8


def trendText(patients):
    """How many patients there are, and how far first results were from corrections, in the earlier and later half."""
    if not patients:
        return _("No patient was added yet. Correct a segmentation, then add it; all stays on this computer.")
    count = len(patients)
    dice = [one.first.dice for one in patients if one.first is not None and one.first.dice is not None]
    there = _("1 patient.") if count == 1 else _("{count} patients.").format(count=count)
    if not dice:
        return there
    if len(dice) < 4:
        mean = sum(dice) / len(dice)
        return there + " " + _("First results had a Dice of {dice:.2f} with your corrections.").format(dice=mean)
    half = len(dice) // 2
    early, late = sum(dice[:half]) / half, sum(dice[half:]) / (len(dice) - half)
    return (
        there
        + " "
        + _("First results had a Dice of {early:.2f} in the earlier half and {late:.2f} in the later.").format(
            early=early, late=late
        )
    )


def trendPixmap(patients):
    """The Dice of first results in the order in which the patients were added; None for fewer than two."""
    dice = [one.first.dice for one in patients if one.first is not None and one.first.dice is not None]
    if len(dice) < 2:
        return None
    ground = qt.QApplication.palette()
    pixmap = qt.QPixmap(_WIDTH, _HEIGHT)
    pixmap.fill(ground.color(qt.QPalette.Base))
    painter = qt.QPainter(pixmap)
    text = ground.color(qt.QPalette.Text)
    faint = qt.QColor(text)
    faint.setAlpha(70)
    painter.setPen(qt.QPen(faint))
    for value in (0.0, 0.5, 1.0):
        painter.drawLine(_EDGE, _y(value), _WIDTH - _EDGE, _y(value))
    line = qt.QPen(qt.QColor(style.colour("good")))
    line.setWidth(2)
    painter.setPen(line)
    places = [(_x(number, len(dice)), _y(value)) for number, value in enumerate(dice)]
    for (x, y), (u, v) in pairwise(places):
        painter.drawLine(x, y, u, v)
    for x, y in places:
        painter.drawEllipse(x - 2, y - 2, 4, 4)
    painter.end()
    return pixmap


def compareRows(comparison):
    """Rows of the table: means of both models, then each lesion."""
    rows = []
    names = {"patients": _("held-back patients"), "simulated": _("simulated patients")}
    for group, roles in (comparison.get("summary") or {}).items():
        old, new = roles["former"], roles["new"]
        if not old["cases"]:
            continue
        name = names.get(group, group)
        rows.append((_("{name}: mean Dice").format(name=name), "", _shown(old["dice"]), _shown(new["dice"])))
        rows.append((_("{name}: lesions found").format(name=name), "", _found(old), _found(new)))
        rows.append(
            (
                _("{name}: false positives").format(name=name),
                "",
                str(old["false_positives"]),
                str(new["false_positives"]),
            )
        )
    for row in comparison.get("lesions") or []:
        kind = _("simulated") if row["group"] == "simulated" else ""
        case = " ".join(part for part in (kind, row["case"]) if part)
        name = _("{case}, lesion {number}").format(case=case, number=row["lesion"])
        rows.append((name, f"{row['volume_ml']:.2f}", _cell(row.get("former")), _cell(row.get("new"))))
    return rows


def _cell(one):
    if one is None:
        return ""
    return _shown(one["dice"]) if one["found"] else _("missed")


def _found(row):
    return _("{found} of {lesions}").format(found=row["found"], lesions=row["lesions"])


def _shown(value):
    return "-" if value is None else f"{value:.2f}"


def _x(number, count):
    return round(_EDGE + number * (_WIDTH - 2 * _EDGE) / max(count - 1, 1))


def _y(value):
    return round(_HEIGHT - _EDGE - value * (_HEIGHT - 2 * _EDGE))
