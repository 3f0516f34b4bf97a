"""Files in the states in which former runs have read them: one whose metadata is the same is not read again."""

from __future__ import annotations

import marshal
import os
from typing import TYPE_CHECKING, Final

from nplus1_lint.cache.stamps import Seen, Stamp, same

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.cache.store import Store

_NAME: Final = "read"


class States:
    """The files that former runs have read.

    Args:
        store: where this is kept.

    Attributes:
        answers: what the one test that is made on contents (`Sources.passes`) says of them, by their digests.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[str, tuple[tuple[int, ...], bytes]] = {}
        self.answers: dict[bytes, bool] = {}
        body = store.read(_NAME)
        if body is not None:
            try:
                rows, answers = marshal.loads(body)
                self._rows, self.answers = dict(rows), dict(answers)
            except (EOFError, TypeError, ValueError):  # nothing that this edition has written
                self._rows, self.answers = {}, {}
        self._before = len(self.answers)

    def get(self, path: str) -> Seen | None:
        """Return a file's state without reading it, or None if it may have changed.

        Args:
            path: absolute.
        """
        row = self._rows.get(path)
        if row is None:
            return None
        try:
            before = Stamp(*row[0])
            return Seen(path, before, row[1]) if same(before, os.stat(path)) else None
        except OSError:
            return None

    def save(self, seen: Iterable[Seen]) -> None:
        """Keep the states in which this run has read files, if they are others; those of no run are forgotten."""
        rows = {one.path: (tuple(one.stamp), one.digest) for one in seen}
        if len(self.answers) == self._before and all(self._rows.get(path) == row for path, row in rows.items()):
            return
        digests = sorted({row[1] for row in rows.values()})
        answers = {content: self.answers[content] for content in digests if content in self.answers}
        self._store.write(_NAME, marshal.dumps((dict(sorted(rows.items())), answers)))
