"""Which files are tied by imports to one that touches an ORM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index.modules import absolute, aliases, packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nplus1_lint.index import SourceFile
    from nplus1_lint.sieve.look import Imported, Look


class Graph:
    """Files, and the ties between them.

    An import ties a file to every file that goes by the name, and to what is imported from it if that is a module. A
    module that a file reads as an attribute of its package without having imported it is there by grace of another.

    Args:
        files: those of the project.
        context: others that they may import.
    """

    def __init__(self, files: Sequence[SourceFile], context: Sequence[SourceFile]) -> None:
        self._files = frozenset(file.path for file in files)
        folders = packages(self._files)
        self._named: dict[str, list[str]] = {}
        self._below: dict[str, list[str]] = {}
        for file in (*files, *context):
            for alias in aliases(file.path, folders):
                self._named.setdefault(alias, []).append(file.path)
                self._below.setdefault(alias.rpartition(".")[0], []).append(file.path)
        self._touching: set[str] = set()
        self._tied: dict[str, dict[str, None]] = {}

    def add(self, path: str, look: Look) -> list[str]:
        """Take up a file, and return those that it imports.

        Args:
            path: its project path.
            look: what is seen of it.
        """
        if look.touches:
            self._touching.add(path)
        imported = list(dict.fromkeys(target for one in look.imports for target in self._targets(path, one)))
        self._tied.setdefault(path, {}).update(dict.fromkeys(imported))
        for target in imported:
            self._tied.setdefault(target, {})[path] = None
        return imported

    def _targets(self, path: str, imported: Imported) -> Iterator[str]:
        """The files that an import may give."""
        base = absolute(path, imported.module, imported.level)
        if base is None:
            return
        yield from self._named.get(base, ())
        if imported.names is None and not imported.renamed:
            for package in _packages(base):
                yield from self._named.get(package, ())
        for name in imported.names or ():
            if name == "*":
                yield from self._below.get(base, ())
            else:
                yield from self._named.get(f"{base}.{name}" if base else name, ())

    def tied(self) -> frozenset[str]:
        """Return the files that touch an ORM or are tied to one that does, with the packages that hold them."""
        seen = set(self._touching)
        waiting = list(seen)
        while waiting:
            new = [path for path in self._tied.get(waiting.pop(), ()) if path not in seen]
            seen.update(new)
            waiting += new
        return frozenset(seen | self._packages_around(seen))

    def _packages_around(self, paths: set[str]) -> set[str]:
        """The packages that hold some files: by which names a file goes depends on them."""
        found = set()
        for path in paths:
            folder = path.rpartition("/")[0]
            while folder:
                found.add(f"{folder}/__init__.py")
                folder = folder.rpartition("/")[0]
        return found & self._files


def _packages(dotted: str) -> Iterator[str]:
    """The packages around a module, by its name."""
    package = dotted.rpartition(".")[0]
    while package:
        yield package
        package = package.rpartition(".")[0]
