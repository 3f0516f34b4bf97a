"""Findings and suspects as lists that msgpack can write, and back.

Each object is written with the name of its type, for a field may hold objects of several.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, Final

import nplus1_lint.findings as types

_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})
_TYPES: Final[dict[str, Any]] = {
    name: one
    for name, one in vars(types).items()
    if isinstance(one, type) and (dataclasses.is_dataclass(one) or issubclass(one, (enum.Enum, tuple)))
}
_FIELDS: Final = {
    one: [f.name for f in dataclasses.fields(one)] for one in _TYPES.values() if dataclasses.is_dataclass(one)
}


def flatten(value: Any) -> Any:
    """Return a value of `nplus1_lint.findings`, or a tuple of such values, as nested lists.

    Raises:
        TypeError: it holds something of another type.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is tuple:
        return ["", *map(flatten, value)]
    name = kind.__name__
    if _TYPES.get(name) is not kind:
        raise TypeError(f"{kind} cannot be kept: it is no type of nplus1_lint.findings")
    if isinstance(value, enum.Enum):
        return [name, value.value]
    parts = value if isinstance(value, tuple) else [getattr(value, field) for field in _FIELDS[kind]]
    return [name, *map(flatten, parts)]


def restore(value: Any) -> Any:
    """Return what has been flattened.

    Raises:
        KeyError: it names an unknown type.
        TypeError: an object has other fields.
        ValueError: an enumeration has no such member.
    """
    if type(value) is not list:
        return value
    name, *parts = value
    restored = [restore(part) for part in parts]
    return _TYPES[name](*restored) if name else tuple(restored)
