"""What the settings of all tasks have in common: they come from JSON, and an unknown key is a mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, TypeVar

from SpineLib.errors import SpineError

_Kind = TypeVar("_Kind", bound="Settings")


class Settings:
    """Base of the dataclasses that hold a task's settings."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    def from_dict(cls: type[_Kind], values: Mapping) -> _Kind:
        """Of the JSON form.

        Raises:
            SpineError: a key that does not exist, or the dataclass's own.
        """
        known = [one.name for one in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise SpineError(f"There is no setting '{unknown[0]}'; there are {', '.join(known)}.")
        return cls(**values)
