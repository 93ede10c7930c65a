"""Proxies that give PySide6 objects the manners of PythonQt."""

from __future__ import annotations

import ctypes
import enum
import functools
import inspect
import re
import sys

import shiboken6
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from . import api

# PySide6 6.12 hands out None, True and False without counting, which ends Python 3.11 after enough calls (3.12 counts
# them no more): they get a count that no test run uses up.
if sys.version_info < (3, 12):
    for _one in (None, True, False):
        ctypes.c_ssize_t.from_address(id(_one)).value += 1 << 40
_SOURCES = (QtCore, QtGui, QtWidgets, QtUiTools)
#: Stand-in widgets by name ("ctkComboBox"), each with the name of the module it lives in.
CUSTOM: dict[str, tuple[type, str]] = {}
_proxies: dict[type, type] = {}
_live: dict[int, PythonQtObject] = {}
_AS_IS = (str, bytes, int, float, bool, type(None))


def custom(module: str):
    """Class decorator: the PySide class stands in for ``module.ClassName`` of the application."""

    def register(cls):
        CUSTOM[cls.__name__] = (cls, module)
        return cls

    return register


class _EnumValue(int):
    """PythonQt's enums are whole numbers; the original goes back to PySide6, which insists on it."""

    def __new__(cls, original):
        value = super().__new__(cls, original.value)
        value.original = original
        return value

    def __or__(self, other):
        return _EnumValue(self.original | other.original) if isinstance(other, _EnumValue) else int(self) | int(other)


class _ProxyType(type):
    """Enums and static methods sit on the class: ``qt.Qt.AlignRight``, ``qt.QTimer.singleShot``."""

    def __getattr__(cls, name):
        if name.startswith("_") or "_pyside" not in cls.__dict__:
            raise AttributeError(name)
        if api.allows(cls._listed, name):
            value = getattr(cls._pyside, name, None)
            if value is not None:
                return _calling(value) if callable(value) and not isinstance(value, type) else wrap(value)
        raise AttributeError(f"type object '{cls._listed}' has no attribute '{name}'")


class PythonQtObject(metaclass=_ProxyType):
    """One C++ object as Python code in Slicer sees it."""

    __slots__ = ("_object",)

    def __init__(self, *arguments):
        object.__setattr__(self, "_object", self._pyside(*unwrap(arguments)))
        _remember(self)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _get(self, name)

    def __setattr__(self, name, value):
        _set(self, name, value)

    def __eq__(self, other):
        return isinstance(other, PythonQtObject) and self._object is other._object

    def __hash__(self):
        return id(self._object)

    def __repr__(self):
        return f"{self._listed}({self._object!r})"

    def connect(self, signal, slot):
        """``connect("clicked(bool)", f)``; a signal that does not exist raises."""
        return _Signal(self, _signal_name(self, signal)).connect(slot)

    def disconnect(self, signal, slot):
        return _Signal(self, _signal_name(self, signal)).disconnect(slot)


class _Signal:
    """``button.clicked``: connect, disconnect, and call to emit."""

    def __init__(self, owner, name):
        self._owner, self._name = owner, name

    def connect(self, slot):
        connection = _of_arity(_trimmed(slot), _arity(self._owner._object, self._name))
        getattr(self._owner._object, self._name).connect(connection)
        _connections(self._owner).append((self._name, slot, connection))
        return True

    def disconnect(self, slot):
        for entry in _connections(self._owner):
            if entry[0] == self._name and entry[1] == slot:
                getattr(self._owner._object, self._name).disconnect(entry[2])
                _connections(self._owner).remove(entry)
                return True
        return False

    def __call__(self, *arguments):
        getattr(self._owner._object, self._name).emit(*unwrap(arguments))

    emit = __call__


def proxy_class(cls: type) -> type:
    """The proxy of a PySide class, with the proxies of its bases as bases."""
    if cls not in _proxies:
        known = [base for base in cls.__bases__ if shiboken6.Object in base.__mro__ and base is not shiboken6.Object]
        bases = tuple(proxy_class(base) for base in known) or (PythonQtObject,)
        module = CUSTOM[cls.__name__][1] if cls.__name__ in CUSTOM else "qt"
        _proxies[cls] = _ProxyType(
            cls.__name__, bases, {"__slots__": (), "_pyside": cls, "_listed": f"{module}.{cls.__name__}"}
        )
    return _proxies[cls]


def find_class(module: str, name: str) -> type:
    """The proxy class ``module.name``, or AttributeError where application or stand-in lack it."""
    if name in CUSTOM and CUSTOM[name][1] == module:
        return proxy_class(CUSTOM[name][0])
    if module == "qt" and api.has_class(f"qt.{name}"):
        for source in _SOURCES:
            if hasattr(source, name):
                return proxy_class(getattr(source, name))
    raise AttributeError(f"module '{module}' has no attribute '{name}'")


def wrap(value):
    """A PySide value as Slicer's Python sees it."""
    if isinstance(value, enum.Enum):
        return _EnumValue(value)
    if isinstance(value, _AS_IS):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(wrap(item) for item in value)
    if isinstance(value, shiboken6.Object) and _is_proxied(value):
        found = _live.get(_address(value))
        if found is not None and found._object is value and shiboken6.isValid(value):
            return found
        proxy = object.__new__(proxy_class(_known_class(type(value))))
        object.__setattr__(proxy, "_object", value)
        _remember(proxy)
        return proxy
    return value


def unwrap(value):
    """The inverse of :func:`wrap`."""
    if isinstance(value, PythonQtObject):
        return value._object
    if isinstance(value, _EnumValue):
        return value.original
    if isinstance(value, _ProxyType):
        return value._pyside
    if isinstance(value, (list, tuple)):
        return type(value)(unwrap(item) for item in value)
    return value


def forget() -> None:
    """Drop all proxies (the end of a desktop)."""
    _live.clear()
    _connected.clear()


_connected: dict[int, list] = {}


def _connections(proxy):
    return _connected.setdefault(_address(proxy._object), [])


def _address(value):
    return shiboken6.getCppPointer(value)[0]


def _remember(proxy):
    if isinstance(proxy._object, QtCore.QObject):
        address = _address(proxy._object)
        if address in _live and _live[address]._object is not proxy._object:
            _connected.pop(address, None)
        _live[address] = proxy


def _is_proxied(value):
    return not isinstance(value, type)


def _known_class(cls):
    """Python subclasses made inside the stand-in appear as the class they extend."""
    for base in cls.__mro__:
        if (base.__name__ in CUSTOM and CUSTOM[base.__name__][0] is base) or base.__module__.startswith("PySide6."):
            return base
    return cls


def _get(proxy, name):
    target = proxy._object
    if not shiboken6.isValid(target):
        raise ValueError(f"Trying to access a destroyed {proxy._listed} object")
    if name == "name":
        name = "objectName"
    if name == "className":
        return lambda: type(proxy).__name__
    if name == "inherits":
        return target.inherits
    if name == "delete":
        return functools.partial(shiboken6.delete, target)
    if api.allows(proxy._listed, name):
        if _is_property(target, name):
            return wrap(target.property(name))
        if isinstance(target, QtCore.QObject) and name in _signal_names(target):
            return _Signal(proxy, name)
        if name == "write" and isinstance(target, QtCore.QIODevice):
            return lambda data: target.write(data.encode() if isinstance(data, str) else data)
        value = getattr(target, name, None)
        if callable(value) or value is not None:
            return _calling(value) if callable(value) else wrap(value)
    raise AttributeError(f"'{proxy._listed}' object has no attribute '{name}'")


def _set(proxy, name, value):
    target = proxy._object
    if name == "name":
        name = "objectName"
    if not (_is_property(target, name) and api.allows(proxy._listed, name)):
        raise AttributeError(f"creating new attributes on C++ objects is not allowed: {proxy._listed}.{name}")
    if name == "toolTip" and value and not value.startswith("<"):
        value = f"<p>{value}</p>"  # As the application does, to have long tips wrapped.
    value = list(value) if isinstance(value, tuple) else value
    if value is None or not target.setProperty(name, unwrap(value)):
        raise ValueError(f"Property '{name}' of {proxy._listed} does not accept {value!r}")


#: Class to the names of its signals.
_SIGNALS: dict[type, frozenset[str]] = {}


def _is_property(target, name):
    return isinstance(target, QtCore.QObject) and target.metaObject().indexOfProperty(name) >= 0


def _signal_names(target):
    """Of the object's class; read once, since every attribute of every widget asks for them."""
    if type(target) not in _SIGNALS:
        meta = target.metaObject()
        methods = [meta.method(i) for i in range(meta.methodCount())]
        signals = (one for one in methods if one.methodType() == QtCore.QMetaMethod.MethodType.Signal)
        _SIGNALS[type(target)] = frozenset(bytes(one.name()).decode() for one in signals)
    return _SIGNALS[type(target)]


def _signal_name(proxy, signature):
    """The name in ``clicked(bool)``, checked against the class."""
    target = proxy._object
    if not re.fullmatch(r"\w+\([\w:,*& ]*\)", signature):
        raise ValueError(f"'{signature}' is no signal's signature")
    name = signature.split("(")[0]
    known = getattr(target, "SIGNATURES", ())
    meta = target.metaObject()
    normalized = bytes(QtCore.QMetaObject.normalizedSignature(signature)).decode()
    if signature not in known and meta.indexOfSignal(normalized) < 0:
        raise AttributeError(f"{proxy._listed} has no signal {signature}")
    if not api.allows(proxy._listed, name):
        raise AttributeError(f"{proxy._listed} of the application has no signal {signature}")
    return name


def _trimmed(slot):
    """A slot that takes fewer arguments than the signal brings is called with those it takes, as in PythonQt."""
    try:
        kinds = [p.kind for p in inspect.signature(slot).parameters.values()]
    except (TypeError, ValueError):
        kinds = [inspect.Parameter.VAR_POSITIONAL]
    count = (
        None
        if inspect.Parameter.VAR_POSITIONAL in kinds
        else sum(kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)
    )

    def call(*arguments):
        slot(*[wrap(argument) for argument in arguments[:count]])

    return call


def _arity(target, name):
    """How many arguments the longest form of a signal brings."""
    meta = target.metaObject()
    signals = [meta.method(i) for i in range(meta.methodCount()) if bytes(meta.method(i).name()).decode() == name]
    return max(method.parameterCount() for method in signals)


def _of_arity(call, count):
    """PySide6 looks at a slot's parameters to choose how many arguments it gets."""
    return (
        lambda: call(),
        lambda a: call(a),
        lambda a, b: call(a, b),
        lambda a, b, c: call(a, b, c),
        lambda a, b, c, d: call(a, b, c, d),
    )[count]


def _calling(function):
    @functools.wraps(function, assigned=("__doc__",), updated=())
    def call(*arguments):
        return wrap(function(*unwrap(arguments)))

    return call
