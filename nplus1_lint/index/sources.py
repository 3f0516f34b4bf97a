"""What the files of a scan hold: on disk, or laid over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.cache.store import digest

if TYPE_CHECKING:
    from collections.abc import Mapping


class Sources:
    """Reads files; the one way by which the contents of Python files come into a scan.

    Args:
        overlay: contents that stand for those on disk, by absolute path: a scan of what a fix would write.
        keep: a file is read once, and has that content from then on.
    """

    def __init__(self, overlay: Mapping[str, bytes] | None = None, *, keep: bool = False) -> None:
        self._overlay = dict(overlay or {})
        self._keep = keep
        self._digests: dict[str, bytes] = {}

    def over(self, changed: Mapping[str, bytes]) -> Sources:
        """Return the same with further contents, by absolute path, laid over it."""
        return Sources({**self._overlay, **changed}, keep=self._keep)

    def read(self, absolute: str) -> bytes:
        """Return a file's content.

        Raises:
            OSError: it cannot be read.
        """
        laid = self._overlay.get(absolute)
        if laid is not None:
            return laid
        with open(absolute, "rb") as handle:
            content = handle.read()
        if self._keep:
            self._overlay[absolute] = content
        return content

    def digest(self, absolute: str) -> bytes:
        """Return what stands for a file's content; a few bytes less for one that cannot be read."""
        if absolute not in self._digests:
            try:
                self._digests[absolute] = digest(self.read(absolute))
            except OSError as error:
                self._digests[absolute] = str(error.errno).encode()
        return self._digests[absolute]
