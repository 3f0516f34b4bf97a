"""Looks by the content of files: what was looked at once is not read again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import msgspec

from nplus1_lint.sieve.look import Look, look

if TYPE_CHECKING:
    from nplus1_lint.cache.store import Store
    from nplus1_lint.index.sources import Sources

_NAME: Final = "looks"


class Looks:
    """Looks at files, or tells what a former run has seen.

    Args:
        contents: reads the files.
        store: where looks are kept.
    """

    def __init__(self, contents: Sources, store: Store | None = None) -> None:
        self._contents = contents
        self._store = store
        self._known: dict[bytes, Look] = {}
        self._used: dict[bytes, Look] = {}
        body = store.read(_NAME) if store is not None else None
        if body is not None:
            with contextlib.suppress(msgspec.DecodeError):  # nothing that this edition has written
                self._known = msgspec.msgpack.decode(body, type=dict[bytes, Look])

    def of(self, absolute: str) -> Look:
        """Return what is seen of a file.

        Raises:
            OSError: it cannot be read.
        """
        if self._store is None:
            return look(self._contents.read(absolute))
        content = self._contents.digest(absolute)
        seen = self._known.get(content)
        if seen is None:
            seen = look(self._contents.read(absolute))
        self._used[content] = seen
        return seen

    def save(self) -> None:
        """Keep the looks of this run, if any of them is new."""
        if self._store is not None and not self._used.keys() <= self._known.keys():
            self._store.write(_NAME, msgspec.msgpack.encode(dict(sorted(self._used.items()))))
