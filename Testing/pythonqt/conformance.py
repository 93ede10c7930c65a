"""Reads panels' sources and ``.ui`` files and finds names that the real application lacks (see :mod:`.api`)."""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from . import api

#: What a form builder makes of a layout's margins; no properties of their own.
_MARGINS = {"leftMargin", "topMargin", "rightMargin", "bottomMargin"}
#: Reached as ``slicer.<name>``, listed name by name.
_LISTED = {"util": "slicer.util", "app": "slicer.app", "modules": "slicer.modules", "packaging": "slicer.packaging"}
#: What calls of the application give, by the call or by (class of the owner, method).
_GIVEN = {
    "slicer.util.mainWindow": "slicer.qSlicerMainWindow",
    "slicer.app.layoutManager": "slicer.qSlicerLayoutManager",
    ("slicer.qSlicerLayoutManager", "threeDWidget"): "slicer.qMRMLThreeDWidget",
    ("slicer.qSlicerLayoutManager", "sliceWidget"): "slicer.qMRMLSliceWidget",
    ("slicer.qSlicerLayoutManager", "plotWidget"): "slicer.qMRMLPlotWidget",
    ("slicer.qMRMLThreeDWidget", "threeDView"): "slicer.qMRMLThreeDView",
}


def ui_widgets(path: Path) -> dict[str, str]:
    """Widgets of a ``.ui`` by name, each with its class as listed ("qt.QLabel")."""
    tree = ElementTree.parse(path)
    return {
        widget.get("name"): listed_name(widget.get("class")) for widget in [*tree.iter("widget"), *tree.iter("layout")]
    }


def listed_name(cls: str) -> str:
    """ "QLabel" is "qt.QLabel", "ctkComboBox" "ctk.ctkComboBox", "qMRMLWidget" "slicer.qMRMLWidget"."""
    return ("ctk." if cls.startswith("ctk") else "qt." if cls.startswith("Q") else "slicer.") + cls


def problems_of_ui(path: Path) -> list[str]:
    """Widget classes, properties, signals and slots in a ``.ui`` that do not exist."""
    tree, widgets, found = ElementTree.parse(path), ui_widgets(path), []
    for widget in [*tree.iter("widget"), *tree.iter("layout")]:
        cls = listed_name(widget.get("class"))
        if not api.has_class(cls):
            found.append(f"{path.name}: there is no class {cls}")
            continue
        known = api.members(cls)["properties"] | ({"sizeHint"} if cls == "qt.QSpacerItem" else set())
        known |= _MARGINS if widget.tag == "layout" else set()
        for prop in widget.findall("property"):
            name = prop.get("name")
            if prop.get("stdset") != "0" and name not in known and name != "buddy":
                found.append(f"{path.name}: {cls} has no property {name}")
    for connection in tree.iterfind("connections/connection"):
        for who, what, kinds in (("sender", "signal", ("signals",)), ("receiver", "slot", ("methods", "signals"))):
            cls = widgets.get(connection.findtext(who))
            name = connection.findtext(what).split("(")[0]
            if cls is None or not any(name in api.members(cls)[kind] for kind in kinds):
                found.append(f"{path.name}: {connection.findtext(who)} has no {what} {name}")
    return found


def problems_of_source(source: str, widgets: dict[str, str], own_modules: set[str], name: str = "source") -> list[str]:
    """Names used in a panel's source that do not exist.

    Looked at: classes and their enums and static methods, functions of ``slicer.util``, ``app``, ``modules`` and
    ``packaging``, attributes and signals of the ``.ui``'s widgets (``ui.x.y``), of objects made in the file
    (``self._timer = qt.QTimer()``) and of variables that stand for either.

    Args:
        widgets: of :func:`ui_widgets`.
        own_modules: names in ``slicer.modules`` that the extension brings.
    """
    tree = ast.parse(source)
    reader = _Reader(widgets, own_modules)
    for _ in range(3):  # A variable may stand for a variable.
        reader.learn(tree)
    reader.visit(tree)
    return [f"{name}:{line}: {text}" for line, text in reader.found]


class _Reader(ast.NodeVisitor):
    def __init__(self, widgets, own_modules):
        self.widgets, self.own = widgets, own_modules
        self.kinds: dict[str, str | None] = {}
        self.found: list[tuple[int, str]] = []

    def learn(self, tree):
        """What class variables and ``self.`` attributes hold; None where assignments disagree."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    pairs = [(target, node.value)]
                    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                        pairs = zip(target.elts, node.value.elts, strict=False)
                    for one, value in pairs:
                        self._note(_dotted(one), self._kind(value))

    def _note(self, variable, kind):
        if variable is None or variable.split(".")[0] in ("ui", "slicer", "qt", "ctk") or kind is None:
            return
        self.kinds[variable] = kind if self.kinds.get(variable, kind) == kind else None

    def _kind(self, node) -> str | None:
        """Listed name of the class an expression is an instance of."""
        if isinstance(node, ast.Call):
            cls = _dotted(node.func)
            if cls in _GIVEN:
                return _GIVEN[cls]
            if isinstance(node.func, ast.Attribute) and (owner := self._kind(node.func.value)):
                return _GIVEN.get((owner, node.func.attr))
            return (
                cls
                if cls and cls.split(".")[0] in ("qt", "ctk") and api.has_class(cls) and cls.count(".") == 1
                else None
            )
        dotted = _dotted(node)
        if dotted is None:
            return None
        parts = dotted.split(".")
        if "ui" in parts[:2] and len(parts) == parts.index("ui") + 2:
            return self.widgets.get(parts[-1])
        return self.kinds.get(dotted)

    def visit_Attribute(self, node):
        self.generic_visit(node)
        dotted, name = _dotted(node.value), node.attr
        kind = self._kind(node.value)
        if kind is not None and not (
            name.startswith("__") or api.allows(kind, name) or name in ("connect", "disconnect")
        ):
            self._tell(node, f"{kind} has no attribute {name}")
        if dotted in ("qt", "ctk") and not api.has_class(f"{dotted}.{name}"):
            self._tell(node, f"there is no class {dotted}.{name}")
        elif dotted == "slicer" and name.startswith(("qMRML", "qSlicer")) and not api.has_class(f"slicer.{name}"):
            self._tell(node, f"there is no class slicer.{name}")
        elif dotted and dotted.count(".") == 1 and api.members(dotted) is not None and not api.allows(dotted, name):
            self._tell(node, f"{dotted} has no {name}")
        elif dotted and dotted.startswith("slicer.") and dotted[7:] in _LISTED:
            known = set(api.load()["python"][_LISTED[dotted[7:]]]) | (self.own if dotted == "slicer.modules" else set())
            if name not in known:
                self._tell(node, f"{dotted} has no {name}")
        elif dotted and dotted.split(".")[-1] == "ui" and self.widgets and name not in self.widgets:
            self._tell(node, f"the .ui has no widget {name}")

    def visit_ImportFrom(self, node):
        listed = {
            "slicer.util": "slicer.util",
            "slicer.packaging": "slicer.packaging",
            "slicer.parameterNodeWrapper": "slicer.parameterNodeWrapper",
            "slicer.ScriptedLoadableModule": "slicer.ScriptedLoadableModule",
        }.get(node.module or "")
        classes = {"VTKObservationMixin", "NodeModify", "MRMLNodeNotFoundException"}  # Listed are functions only.
        for alias in node.names if listed else ():
            if alias.name not in api.load()["python"][listed] and alias.name not in classes:
                self._tell(node, f"{listed} has no {alias.name}")

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("connect", "disconnect") and node.args:
            self._check_signal(node.func.value, node.args[0])

    def visit_Tuple(self, node):
        """(widget, "signal()", slot) in a list of connections."""
        self.generic_visit(node)
        if len(node.elts) == 3:
            self._check_signal(node.elts[0], node.elts[1])

    def _check_signal(self, owner, signal):
        kind = self._kind(owner)
        if kind and isinstance(signal, ast.Constant) and isinstance(signal.value, str):
            name = signal.value.split("(")[0]
            if name not in api.members(kind)["signals"]:
                self._tell(owner, f"{kind} has no signal {name}")

    def _tell(self, node, text):
        if (node.lineno, text) not in self.found:
            self.found.append((node.lineno, text))


def _dotted(node) -> str | None:
    """``a.b.c`` as text, or None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value)
        return f"{base}.{node.attr}" if base else None
    return None
