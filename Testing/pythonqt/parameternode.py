"""``slicer.parameterNodeWrapper``: typed fields on a real vtkMRMLScriptedModuleNode, bound to widgets.

Follows Slicer's own (Base/Python/slicer/parameterNodeWrapper): the same storage, validators, exact widget types and
update order, for the field types and widgets that the panels use; anything else raises. As there, values are kept and
read again only when the node says that it was modified: a reference that was read before its node came stays None.
"""

from __future__ import annotations

import dataclasses
import enum
import typing
import weakref

import slicer
import vtk
from slicer.util import NodeModify

from .objects import PythonQtObject

__all__ = ["Choice", "Default", "Maximum", "Minimum", "WithinRange", "parameterNodeWrapper"]


@dataclasses.dataclass
class WithinRange:
    minimum: float
    maximum: float

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within the range [{self.minimum}, {self.maximum}], is {value}")


@dataclasses.dataclass
class Minimum:
    minimum: float

    def validate(self, value):
        if value < self.minimum:
            raise ValueError(f"Value must be at least {self.minimum}, is {value}")


@dataclasses.dataclass
class Maximum:
    maximum: float

    def validate(self, value):
        if value > self.maximum:
            raise ValueError(f"Value must be at most {self.maximum}, is {value}")


class Choice:
    def __init__(self, choices):
        self.choices = list(choices)

    def validate(self, value):
        if value not in self.choices:
            raise ValueError(f"Value must be one of {self.choices}, is {value}")


@dataclasses.dataclass
class Default:
    value: object


class _Field:
    """One parameter: how it is kept in the node."""

    def __init__(self, name, hint, default):
        self.name = name
        self.type, self.annotations = hint, []
        if typing.get_origin(hint) is typing.Annotated:
            self.type, *self.annotations = typing.get_args(hint)
        self.isNode = isinstance(self.type, type) and issubclass(self.type, slicer.vtkMRMLNode)
        if not self.isNode and self.type not in (str, int, float, bool) and not issubclass(self.type, enum.Enum):
            raise TypeError(f"Unable to create serializer for type: {self.type}")
        given = [a.value for a in self.annotations if isinstance(a, Default)]
        initial = None if self.isNode else (next(iter(self.type)) if issubclass(self.type, enum.Enum) else self.type())
        self.default = given[0] if given else default if default is not _NONE else initial

    def find(self, kind):
        return next((a for a in self.annotations if isinstance(a, kind)), None)

    def write(self, node, value):
        if self.isNode:
            if value is not None and not isinstance(value, self.type):
                raise TypeError(f"{self.name} must be a {self.type.__name__}, is {type(value).__name__}")
            node.SetParameter(self.name, "")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
            return
        if not isinstance(value, (int, float) if self.type is float else self.type):
            raise TypeError(f"{self.name} must be {self.type.__name__}, is {value!r}")
        for annotation in self.annotations:
            if hasattr(annotation, "validate"):
                annotation.validate(value)
        node.SetParameter(self.name, value.name if isinstance(value, enum.Enum) else str(value))

    def read(self, node):
        if not node.HasParameter(self.name):  # The scene was closed, which empties the node.
            self.write(node, self.default)
        if self.isNode:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        if self.type is bool:
            return text == "True"
        return self.type[text] if issubclass(self.type, enum.Enum) else self.type(text)


_NONE = object()
#: Slicer up to 5.8 forgets to hand out the tag (its issue 7547), so that no panel ever comes loose from a wrapper.
RETURNS_TAG = True


def parameterNodeWrapper(cls):
    """Class decorator, as in Slicer."""
    fields = {
        name: _Field(name, hint, getattr(cls, name, _NONE))
        for name, hint in typing.get_type_hints(cls, include_extras=True).items()
    }
    for name, field in fields.items():
        setattr(
            cls,
            name,
            property(lambda self, f=field: self._values[f.name], lambda self, value, f=field: self._write(f, value)),
        )
    cls.allParameters = fields
    for name in (
        "__init__",
        "connectGui",
        "disconnectGui",
        "AddObserver",
        "RemoveObserver",
        "StartModify",
        "EndModify",
        "Modified",
        "_read",
        "_write",
        "_toGui",
    ):
        setattr(cls, name, _Wrapper.__dict__[name])
    return cls


class _Wrapper:
    def __init__(self, parameterNode):
        self.parameterNode = parameterNode
        self._guis, self._updating = {}, False
        for field in self.allParameters.values():
            field.read(parameterNode)
        self._values, self._writing = {}, set()
        self._read()
        own = weakref.ref(self)  # The node's observer must not keep the wrapper alive.

        def modified(caller, event):
            if own() is not None:
                own()._read()

        # First of all observers, so that whoever hears of a change reads what is new.
        tag = parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, modified)
        weakref.finalize(self, parameterNode.RemoveObserver, tag).atexit = False

    def _read(self):
        for name, field in self.allParameters.items():
            if name not in self._writing:
                self._values[name] = field.read(self.parameterNode)

    def _write(self, field, value):
        self._writing.add(field.name)
        try:
            with NodeModify(self.parameterNode):
                field.write(self.parameterNode, value)
                self._values[field.name] = field.read(self.parameterNode)
        finally:
            self._writing.discard(field.name)

    def connectGui(self, gui):
        connectors = {}
        for widget in vars(gui).values():
            name = widget.property("SlicerParameterName")
            if name:
                if name not in self.allParameters:
                    raise ValueError(f"Cannot find a param with the given name: {name}")
                connectors[name] = _Connector(widget, self.allParameters[name])
        tag = max(self._guis, default=-1) + 1
        self._guis[tag] = connectors
        for name, connector in connectors.items():
            connector.write(getattr(self, name))
            connector.connect(self)
        # Nothing ever takes this observer away, so a wrapper that once had a panel lives as long as its node.
        self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._toGui())
        return tag if RETURNS_TAG else None

    def disconnectGui(self, tag):
        for connector in self._guis.pop(tag, {}).values():
            connector.disconnect()

    def _toGui(self):
        if self._updating:
            return
        self._updating = True
        try:
            with NodeModify(self):
                for connectors in self._guis.values():
                    for name, connector in connectors.items():
                        connector.write(getattr(self, name))
        finally:
            self._updating = False

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified):
        self.parameterNode.EndModify(wasModified)

    def Modified(self):
        self.parameterNode.Modified()


class _Connector:
    """One widget and one field; which pairs exist is Slicer's choice (guiConnectors.py)."""

    _KINDS = {
        "qMRMLNodeComboBox": ("node", "currentNodeChanged"),
        "ctkSliderWidget": ("number", "valueChanged"),
        "QDoubleSpinBox": ("number", "valueChanged"),
        "QSpinBox": ("number", "valueChanged"),
        "QCheckBox": ("bool", "stateChanged"),
        "QLineEdit": ("text", "textChanged"),
        "QComboBox": ("choice", "currentIndexChanged"),
        "ctkComboBox": ("choice", "currentIndexChanged"),
    }

    def __init__(self, widget: PythonQtObject, field: _Field):
        self.widget, self.field = widget, field
        self.kind, self.signal = self._KINDS.get(type(widget).__name__, (None, None))
        wanted = (
            "node"
            if field.isNode
            else "bool"
            if field.type is bool
            else "number"
            if field.type in (int, float)
            else "choice"
            if self.kind == "choice"
            else "text"
        )
        if self.kind != wanted:
            raise RuntimeError(
                f"Unable to create GUI connector from datatype '{field.type}' to {type(widget).__name__}"
            )
        if self.kind == "choice":
            if issubclass(field.type, enum.Enum):
                self.choices = list(field.type)
                labels = [getattr(field.type, "label", lambda e: e.name)(e) for e in self.choices]
            else:
                self.choices = field.find(Choice).choices  # AttributeError without Choice: Slicer refuses that, too
                labels = [str(choice) for choice in self.choices]
            widget.clear()
            widget.addItems(labels)
        elif self.kind == "node":
            widget.nodeTypes = [field.type.__name__]
        elif self.kind == "number":
            limits = field.find(WithinRange)
            if limits is None and type(widget).__name__ == "ctkSliderWidget":
                raise RuntimeError("Cannot have a connection to ctkSliderWidget where the float types is unbounded.")
            if limits is not None:
                widget.minimum, widget.maximum = limits.minimum, limits.maximum

    def connect(self, wrapper):
        def changed():
            with NodeModify(wrapper):
                if not wrapper._updating:
                    setattr(wrapper, self.field.name, self.read())

        self._changed = changed
        getattr(self.widget, self.signal).connect(changed)

    def disconnect(self):
        getattr(self.widget, self.signal).disconnect(self._changed)

    def read(self):
        if self.kind == "node":
            return self.widget.currentNode()
        if self.kind == "choice":
            return self.choices[self.widget.currentIndex]
        return {
            "number": lambda: self.field.type(self.widget.value),
            "bool": lambda: self.widget.checked,
            "text": lambda: self.widget.text,
        }[self.kind]()

    def write(self, value):
        if self.kind == "node":
            self.widget.setCurrentNode(value)
        elif self.kind == "choice":
            self.widget.currentIndex = self.choices.index(value)
        elif self.kind == "number":
            self.widget.value = value
        elif self.kind == "bool":
            self.widget.checked = value
        elif self.widget.text != value:
            self.widget.text = value
