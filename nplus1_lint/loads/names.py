"""Short names for files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Name each file by the shortest end of its path that no other has, without ``.py``.

    Args:
        paths: files, each once; ``__init__.py`` goes by its folder.

    Returns:
        Path to name.
    """
    parts = {path: _parts(path) for path in paths}
    names: dict[str, str] = {}
    for path, own in parts.items():
        others = [other for other, theirs in parts.items() if other != path and theirs[-1] == own[-1]]
        length = 1
        while length < len(own) and any(parts[other][-length:] == own[-length:] for other in others):
            length += 1
        names[path] = "/".join(own[-length:])
    return names


def _parts(path: str) -> list[str]:
    parts = path.removesuffix(".py").split("/")
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
