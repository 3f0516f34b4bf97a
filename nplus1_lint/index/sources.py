"""What the files of a scan hold: on disk, or laid over it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nplus1_lint.cache.stamps import Seen, stamp
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
        self._laid = bool(overlay)
        self._seen: dict[str, Seen | None] = {}

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
            taken = stamp(os.fstat(handle.fileno()))
            content = handle.read()
        if self._keep:
            self._overlay[absolute] = content
            self._seen[absolute] = Seen(absolute, taken, digest(content))
        return content

    def digest(self, absolute: str) -> bytes:
        """Return what stands for a file's content; a few bytes less for one that cannot be read."""
        try:
            content = self.read(absolute)
        except OSError as error:
            self._seen[absolute] = None
            return str(error.errno).encode()
        seen = self._seen.get(absolute)
        return seen.digest if seen is not None else digest(content)

    def seen(self) -> tuple[Seen, ...] | None:
        """Return the states of all files that were read, by path; None if one could not be, or was laid over."""
        states = [self._seen[path] for path in sorted(self._seen)]
        known = tuple(state for state in states if state is not None)
        return known if self._keep and not self._laid and len(known) == len(states) else None
