"""What the files of a scan hold: on disk, or laid over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Sources:
    """Reads files; the one way by which the contents of Python files come into a scan.

    Args:
        overlay: contents that stand for those on disk, by absolute path: a scan of what a fix would write.
    """

    def __init__(self, overlay: Mapping[str, bytes] | None = None) -> None:
        self._overlay = dict(overlay or {})

    def read(self, absolute: str) -> bytes:
        """Return a file's content.

        Raises:
            OSError: it cannot be read.
        """
        laid = self._overlay.get(absolute)
        if laid is not None:
            return laid
        with open(absolute, "rb") as handle:
            return handle.read()
