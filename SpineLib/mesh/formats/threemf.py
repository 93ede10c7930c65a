"""3MF files: a zip archive with the triangles as XML and a unit (3MF Core Specification 1.3)."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np

from SpineLib.errors import SpineError

SUFFIX, TITLE, ORDER = ".3mf", "3MF", 1
_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_MODEL_RELATION = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
_MODEL_TYPE = "application/vnd.ms-package.3dmanufacturing-3dmodel+xml"
_MODEL = "3D/3dmodel.model"
_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Default Extension="model" ContentType="{_MODEL_TYPE}"/></Types>\n'
)
_ROOT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<Relationships xmlns="{_RELATIONS}">'
    f'<Relationship Target="/{_MODEL}" Id="rel0" Type="{_MODEL_RELATION}"/></Relationships>\n'
)
#: Millimetres in the units of the specification.
_UNITS = {"micron": 0.001, "millimeter": 1.0, "centimeter": 10.0, "inch": 25.4, "foot": 304.8, "meter": 1000.0}
_MOST_FILES, _MOST_BYTES, _MOST_RATIO = 1000, 1_000_000_000, 200


def write(points: np.ndarray, triangles: np.ndarray, path: Path, remark: str) -> None:
    """Write one object in millimetres; ``remark`` is kept as its description."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<model unit="millimeter" xml:lang="en-US" xmlns="{_CORE}">',
        '<metadata name="Application">SpineOncology</metadata>',
        f'<metadata name="Description">{escape(remark)}</metadata>',
        '<resources><object id="1" type="model"><mesh><vertices>',
    ]
    lines += ['<vertex x="%.9g" y="%.9g" z="%.9g"/>' % tuple(place) for place in points.astype(np.float32).tolist()]
    lines += ["</vertices><triangles>"]
    lines += ['<triangle v1="%d" v2="%d" v3="%d"/>' % tuple(corners) for corners in triangles.tolist()]
    lines += ['</triangles></mesh></object></resources><build><item objectid="1"/></build></model>\n']
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("[Content_Types].xml", _TYPES), ("_rels/.rels", _ROOT), (_MODEL, "\n".join(lines))):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)


def read(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Points (n, 3) in mm and triangles (m, 3) of all objects that are to be built, and the description.

    Raises:
        SpineError: no 3MF, damaged, dangerously packed, or made of components.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive)
            root = _xml(archive, _model_name(archive))
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, EOFError, RuntimeError) as error:
        raise SpineError("The 3MF file is damaged or is none; write it again.") from error
    if root.tag != f"{{{_CORE}}}model" or root.get("unit", "millimeter") not in _UNITS:
        raise SpineError("The 3MF file holds no model in a unit of the specification; write it again.")
    scale = _UNITS[root.get("unit", "millimeter")]
    objects = {one.get("id"): one for one in root.iter(f"{{{_CORE}}}object")}
    points, triangles, count = [], [], 0
    for item in root.iter(f"{{{_CORE}}}item"):
        mesh = objects[item.get("objectid")].find(f"{{{_CORE}}}mesh")
        if mesh is None:
            raise SpineError("The 3MF file is an assembly of components; write it again as plain meshes.")
        places, corners = _mesh(mesh)
        points.append(_moved(places, item.get("transform")) * scale)
        triangles.append(corners + count)
        count += len(places)
    if not points:
        raise SpineError("The 3MF file holds nothing to be built; write it again.")
    description = next(
        (one.text or "" for one in root.iter(f"{{{_CORE}}}metadata") if one.get("name") == "Description"), ""
    )
    return np.concatenate(points), np.concatenate(triangles), description


def _check_archive(archive: zipfile.ZipFile) -> None:
    """Refuse what would unpack to far more than a model, or outside its folder, before anything is unpacked."""
    infos = archive.infolist()
    size = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if len(infos) > _MOST_FILES or size > _MOST_BYTES or size > _MOST_RATIO * packed + 1_000_000:
        raise SpineError("The 3MF file would unpack to far too much; it is not read.")
    for info in infos:
        name = PurePosixPath(info.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in info.filename or ":" in info.filename:
            raise SpineError("The 3MF file holds names that lead out of it; it is not read.")


def _xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    data = archive.read(name)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:  # the specification allows none; entities can grow without bound
        raise SpineError("The 3MF file holds a document type, which none may; it is not read.")
    return ElementTree.fromstring(data)


def _model_name(archive: zipfile.ZipFile) -> str:
    types = _xml(archive, "[Content_Types].xml")
    if not any(one.get("ContentType") == _MODEL_TYPE for one in types):
        raise SpineError("The 3MF file does not say which of its parts is a model; write it again.")
    for relation in _xml(archive, "_rels/.rels"):
        if relation.get("Type") == _MODEL_RELATION:
            return (relation.get("Target") or "").lstrip("/")
    raise SpineError("The 3MF file names no model; write it again.")


def _mesh(mesh: ElementTree.Element) -> tuple[np.ndarray, np.ndarray]:
    places = [[float(one.get(axis, "")) for axis in "xyz"] for one in mesh.iter(f"{{{_CORE}}}vertex")]
    corners = [[int(one.get(name, "")) for name in ("v1", "v2", "v3")] for one in mesh.iter(f"{{{_CORE}}}triangle")]
    return np.array(places, float).reshape(-1, 3), np.array(corners, np.int64).reshape(-1, 3)


def _moved(points: np.ndarray, transform: str | None) -> np.ndarray:
    """Points after an item's transform: 12 numbers, rows of a 4 x 3 matrix for row vectors."""
    if not transform:
        return points
    matrix = np.array([float(value) for value in transform.split()]).reshape(4, 3)
    return points @ matrix[:3] + matrix[3]
