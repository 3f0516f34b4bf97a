"""What a program under proof needs and the packages installed here do not have, told by the error that it ends with."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON: Final = "Python"
NEWEST_SQLALCHEMY: Final = (2, 1)
"""The newest that ``noxfile.py`` has a session for."""
SINCE_PYTHON: Final = {"asyncio.TaskGroup": (3, 11)}
"""The Python that brought a name which examples use and older ones that we support do not have."""

_REFUSALS: Final = {
    "No column-based properties specified for refresh": "refresh() of relationships alone",
    "Can't find strategy .*write_only": "write_only relationships",
    r"yield_per feature in conjunction with unique\(\)": "select-in loading in portions",
}
"""What an older SQLAlchemy says to what a newer one can do."""
_NAME = re.compile(r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'")


def newest_sqlalchemy() -> bool:
    """True where every API that an example uses must be there."""
    major, minor, *_ = sqlalchemy.__version__.split(".")
    return (int(major), int(minor)) >= NEWEST_SQLALCHEMY


class Lack(NamedTuple):
    """A name that is not there.

    Attributes:
        package: whose name it is: a distribution, or ``Python``; the missing package itself where it is not installed.
        version: the version that lacks it; None where *package* is not installed.
        api: the name with its module.
    """

    package: str
    version: str | None
    api: str

    def __str__(self) -> str:
        if self.version is None:
            return f"{self.package} is not installed"
        return f"{self.package} {self.version} has no {self.api}"

    @property
    def is_of_old_python(self) -> bool:
        """True for names that are known to have come with a newer Python than this one."""
        return self.package == PYTHON and sys.version_info < SINCE_PYTHON.get(self.api, (0,))


@contextmanager
def where_available() -> Iterator[None]:
    """Skip the test where SQLAlchemy refuses what a newer one can do."""
    try:
        yield
    except SQLAlchemyError as error:
        missing = lack(error)
        if missing is None:
            raise
        pytest.skip(str(missing))


def lack(error: ImportError | AttributeError | SQLAlchemyError) -> Lack | None:
    """Return what the error says is missing; None for one that speaks of the program's own names or of values."""
    if isinstance(error, SQLAlchemyError):
        told = next((ability for text, ability in _REFUSALS.items() if re.search(text, str(error))), None)
        return Lack("SQLAlchemy", sqlalchemy.__version__, told) if told is not None else None
    if isinstance(error, AttributeError):
        return _lacking_attribute(error.obj, str(error.name))
    named = _NAME.match(str(error))
    if named is not None:
        return _lack(f"{named['module']}.{named['name']}")
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        return _lack(error.name)
    return None


def _lacking_attribute(holder: object, name: str) -> Lack | None:
    if isinstance(holder, ModuleType):
        return _lack(f"{holder.__name__}.{name}")
    owner = holder if isinstance(holder, type) else type(holder)
    plain: object = object.__getattribute__
    if owner.__module__ == "builtins" or hasattr(owner, "__getattr__") or owner.__getattribute__ is not plain:
        return None  # None, or a row or column, whose attributes are what the program put there
    return _lack(f"{owner.__module__}.{owner.__qualname__}.{name}")


def _lack(api: str) -> Lack | None:
    top, dot, _ = api.partition(".")
    if top in sys.stdlib_module_names:
        return Lack(PYTHON, platform.python_version(), api)
    package = _distributions().get(top)
    if package is not None:
        return Lack(package, importlib.metadata.version(package), api)
    return None if dot else Lack(top, None, api)


@cache
def _distributions() -> dict[str, str]:
    """The distribution behind each importable name."""
    return {top: names[0] for top, names in importlib.metadata.packages_distributions().items()}
