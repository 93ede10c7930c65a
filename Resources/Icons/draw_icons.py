"""Draw the icons of the extension and its modules: ``python Resources/Icons/draw_icons.py`` (needs PySide6)."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QImage,
    QLinearGradient,
    QPainter,
    QPainterPath,
    QPen,
    QRadialGradient,
)

REPOSITORY = Path(__file__).resolve().parents[2]
SIZE = 128

NIGHT, SEA = QColor("#0e2a3b"), QColor("#1d5a72")
BONE, BONE_EDGE, DISC = QColor("#f3ead7"), QColor("#b9a98a"), QColor("#7fb7c9")
NECROSIS, NECROSIS_RIM = QColor("#4b5a67"), QColor("#37d6c2")
LESION, LESION_CORE = QColor("#e5484d"), QColor("#ff9b6a")
REPAIR, REPAIR_LAYER = QColor("#37d67a"), QColor("#1f8f55")


def vertebra(centre: QPointF, width: float, height: float) -> QPainterPath:
    """A vertebral body from the side: concave walls, flat endplates."""
    w, h, waist = width / 2, height / 2, width * 0.07
    x, y = centre.x(), centre.y()
    path = QPainterPath(QPointF(x - w, y - h))
    path.quadTo(x, y - h + height * 0.10, x + w, y - h)
    path.cubicTo(x + w - waist, y - h * 0.3, x + w - waist, y + h * 0.3, x + w, y + h)
    path.quadTo(x, y + h - height * 0.10, x - w, y + h)
    path.cubicTo(x - w + waist, y + h * 0.3, x - w + waist, y - h * 0.3, x - w, y - h)
    return path


def process(centre: QPointF, width: float, height: float) -> QPainterPath:
    """The spinous process behind it, pointing down and back."""
    x, y = centre.x(), centre.y()
    path = QPainterPath(QPointF(x, y - height * 0.30))
    path.cubicTo(x + width * 0.4, y - height * 0.5, x + width * 0.9, y - height * 0.1, x + width, y + height * 0.35)
    path.cubicTo(x + width * 0.95, y + height * 0.6, x + width * 0.5, y + height * 0.35, x, y + height * 0.15)
    path.closeSubpath()
    return path


def lesion(centre: QPointF, radius: float) -> QPainterPath:
    """A blob that is no circle."""
    x, y, r = centre.x(), centre.y(), radius
    path = QPainterPath(QPointF(x - r, y))
    path.cubicTo(x - r, y - r * 1.1, x + r * 0.1, y - r * 1.25, x + r * 0.55, y - r * 0.75)
    path.cubicTo(x + r * 1.35, y - r * 0.55, x + r * 1.1, y + r * 0.45, x + r * 0.6, y + r * 0.8)
    path.cubicTo(x + r * 0.1, y + r * 1.2, x - r, y + r * 0.95, x - r, y)
    return path


def canvas() -> tuple[QImage, QPainter]:
    """A transparent picture with the dark rounded ground of all icons."""
    image = QImage(SIZE, SIZE, QImage.Format_ARGB32)
    image.fill(Qt.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.Antialiasing)
    ground = QLinearGradient(0, 0, SIZE, SIZE)
    ground.setColorAt(0, SEA)
    ground.setColorAt(1, NIGHT)
    painter.setPen(Qt.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(QRectF(2, 2, SIZE - 4, SIZE - 4), 26, 26)
    return image, painter


def draw_bone(painter: QPainter, path: QPainterPath, edge: float = 2.5) -> None:
    painter.setPen(QPen(BONE_EDGE, edge))
    painter.setBrush(BONE)
    painter.drawPath(path)


def draw_lesion(painter: QPainter, path: QPainterPath) -> None:
    box = path.boundingRect()
    fill = QRadialGradient(box.center(), box.width() * 0.6)
    fill.setColorAt(0, LESION_CORE)
    fill.setColorAt(1, LESION)
    painter.setPen(Qt.NoPen)
    painter.setBrush(fill)
    painter.drawPath(path)


def extension_icon() -> QImage:
    """Three vertebrae with their discs, one of them with a metastasis."""
    image, painter = canvas()
    for x, y, tilt in ((49, 27, -6), (45, 64, 0), (49, 101, 6)):
        painter.save()
        painter.translate(x, y)
        painter.rotate(tilt)
        draw_bone(painter, process(QPointF(25, 2), 42, 24))
        draw_bone(painter, vertebra(QPointF(0, 0), 56, 27))
        painter.restore()
    for x, y, tilt in ((47, 45.5, -3), (47, 82.5, 3)):
        painter.save()
        painter.translate(x, y)
        painter.rotate(tilt)
        painter.setPen(Qt.NoPen)
        painter.setBrush(DISC)
        painter.drawRoundedRect(QRectF(-26, -3.5, 52, 7), 3.5, 3.5)
        painter.restore()
    draw_lesion(painter, lesion(QPointF(40, 64), 10))
    painter.end()
    return image


def metseg_icon() -> QImage:
    """One vertebra, its metastasis, and the contour a segmentation draws around it."""
    image, painter = canvas()
    draw_bone(painter, process(QPointF(72, 66), 46, 46), 3)
    draw_bone(painter, vertebra(QPointF(52, 64), 70, 62), 3)
    draw_lesion(painter, lesion(QPointF(46, 62), 17))
    pen = QPen(QColor("#37d67a"), 4.5)
    pen.setDashPattern([2.2, 1.3])
    pen.setCapStyle(Qt.RoundCap)
    painter.setPen(pen)
    painter.setBrush(Qt.NoBrush)
    painter.drawPath(lesion(QPointF(46, 62), 24))
    painter.end()
    return image


def necrosis_icon() -> QImage:
    """One vertebra, the metastasis in it, the necrosis around, and the applicator that made it."""
    image, painter = canvas()
    draw_bone(painter, process(QPointF(72, 66), 46, 46), 3)
    draw_bone(painter, vertebra(QPointF(52, 64), 70, 62), 3)
    painter.setPen(QPen(NECROSIS_RIM, 3.5))
    painter.setBrush(NECROSIS)
    painter.drawEllipse(QPointF(49, 63), 25, 22)
    draw_lesion(painter, lesion(QPointF(46, 62), 13))
    painter.setPen(QPen(QColor("#e8eef2"), 4.5, Qt.SolidLine, Qt.RoundCap))
    painter.drawLine(QPointF(54, 61), QPointF(112, 30))
    painter.end()
    return image


def inpaint_icon() -> QImage:
    """One vertebra whose destroyed corner was made anew, layer by layer as a printer lays it."""
    image, painter = canvas()
    whole = vertebra(QPointF(52, 64), 70, 62)
    draw_bone(painter, process(QPointF(72, 66), 46, 46), 3)
    draw_bone(painter, whole, 3)
    made = whole.intersected(lesion(QPointF(34, 48), 27))
    painter.setPen(Qt.NoPen)
    painter.setBrush(REPAIR)
    painter.drawPath(made)
    painter.save()
    painter.setClipPath(made)
    painter.setPen(QPen(REPAIR_LAYER, 2))
    for y in range(34, 84, 6):
        painter.drawLine(QPointF(10, y), QPointF(80, y))
    painter.restore()
    painter.setPen(QPen(QColor("#e8fff4"), 2.5))
    painter.setBrush(Qt.NoBrush)
    painter.drawPath(made)
    painter.end()
    return image


if __name__ == "__main__":
    application = QGuiApplication([])
    for name, draw in (
        ("Resources/Icons/SpineOncology.png", extension_icon),
        ("SpineMetSeg/Resources/Icons/SpineMetSeg.png", metseg_icon),
        ("SpineNecrosis/Resources/Icons/SpineNecrosis.png", necrosis_icon),
        ("SpineInpaint/Resources/Icons/SpineInpaint.png", inpaint_icon),
    ):
        path = REPOSITORY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draw().save(str(path))
