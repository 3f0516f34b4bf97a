"""Files to those that may matter, by a cheap look at their bytes: the others are never parsed.

A file may matter if it touches an ORM itself, or if a chain of imports ties it to one that does, whichever of the two
imports the other: what runs queries may call it, it may call that, or both may know a class through which one calls
the other. Nothing in a file without such a tie reaches a query, and nothing that does reaches it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nplus1_lint.sieve.graph import Graph
from nplus1_lint.sieve.look import Look
from nplus1_lint.sieve.looks import Looks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.cache.store import Store
    from nplus1_lint.index import SourceFile
    from nplus1_lint.index.sources import Sources

_UNREAD = Look((), touches=True)


class Files(Protocol):
    """What was discovered."""

    @property
    def files(self) -> Sequence[SourceFile]:
        """Files of the project, by path."""

    @property
    def context(self) -> Sequence[SourceFile]:
        """Files that matter only where one of *files* imports them."""


def sift(found: Files, contents: Sources, store: Store | None = None) -> tuple[str, ...]:
    """Find the files that cannot matter.

    Args:
        found: the files.
        contents: reads them.
        store: what former runs have seen of files; the result does not depend on it.

    Returns:
        Their project paths, sorted; the context is not asked about. A file that cannot be read may matter, so that
        its error is told.
    """
    graph = Graph(found.files, found.context)
    looks = Looks(contents, store)
    located = {file.path: file.absolute for file in (*found.files, *found.context)}
    waiting = [file.path for file in found.files]
    taken: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path not in taken:
            taken.add(path)
            waiting += graph.add(path, _seen(looks, located[path]))
    looks.save()
    kept = graph.tied()
    return tuple(sorted(file.path for file in found.files if file.path not in kept))


def _seen(looks: Looks, absolute: str) -> Look:
    try:
        return looks.of(absolute)
    except OSError:
        return _UNREAD
