"""File paths to module names.

A module's canonical name is its whole path, dotted. Code imports it by a suffix of that path: every suffix that starts
below a folder which is no package (has no ``__init__.py``) is an alias, because such a folder can be on ``sys.path``
(src layouts, ``backend/``, namespace packages).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator


def module_name(path: str) -> str:
    """Return a module's canonical name: its whole path, dotted."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def packages(paths: Iterable[str]) -> frozenset[str]:
    """Return the folders that hold an ``__init__.py``."""
    return frozenset(path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] == "__init__.py")


def aliases(path: str, package_folders: Collection[str]) -> Iterator[str]:
    """Yield every dotted name under which code may import the file at *path*."""
    parts = module_name(path).split(".") if "/" in path else [path.removesuffix(".py")]
    folders = path.split("/")
    for start in range(len(parts)):
        if start == 0 or "/".join(folders[:start]) not in package_folders:
            yield ".".join(parts[start:])


def absolute(path: str, dotted: str, level: int) -> str | None:
    """Return the dotted name that an import means, relative ones resolved; None beyond the top.

    Args:
        path: the importing file.
        dotted: module as written, without leading dots.
        level: number of leading dots.
    """
    if not level:
        return dotted
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
        level -= 1
    if level > len(parts):
        return None
    base = parts[: len(parts) - level] if level else parts
    return ".".join([*base, *([dotted] if dotted else [])])
