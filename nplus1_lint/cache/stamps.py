"""Whether files and folders are still what they were, asked of their metadata first."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.cache.store import digest

if TYPE_CHECKING:
    from collections.abc import Iterable

_SETTLED: Final = 2_000_000_000  # nanoseconds: file systems with the coarsest clock count in these
_UNSURE: Final = -1


class Stamp(NamedTuple):
    """What `os.stat` says of a file or folder.

    Attributes:
        size: bytes.
        modified: when its content was changed last, in nanoseconds; -1 if so lately that another change might not show.
        changed: when anything of it was changed last; no tool sets this one back.
        inode: its number.
    """

    size: int
    modified: int
    changed: int
    inode: int

    def doubted(self) -> Stamp:
        """Return a stamp that never says that nothing has changed."""
        return self._replace(modified=_UNSURE)


class Seen(NamedTuple):
    """A file or folder in the state in which a run has read it.

    Attributes:
        path: where it stands, absolute.
        stamp: taken before it was read.
        digest: of a file's content, or of what matters among the names in a folder.
    """

    path: str
    stamp: Stamp
    digest: bytes


class Inputs(NamedTuple):
    """All that the outcome of a run depends on, its options and the surroundings of its paths aside.

    Attributes:
        files: those that were read.
        folders: those whose listings were read.
        template_folders: absolute folders in which templates were looked for, if the modules render any.
        named_folders: the same as modules name them: (project path of the module, folder).
        templates: the files found there.
        root: the absolute project root.
    """

    files: tuple[Seen, ...]
    folders: tuple[Seen, ...]
    template_folders: tuple[str, ...] = ()
    named_folders: tuple[tuple[str, str], ...] = ()
    templates: tuple[Seen, ...] = ()
    root: str = ""


def stamp(seen: os.stat_result) -> Stamp:
    """Return the stamp of a file or folder that is read next."""
    settled = max(seen.st_mtime_ns, seen.st_ctime_ns) < time.time_ns() - _SETTLED
    return Stamp(seen.st_size, seen.st_mtime_ns if settled else _UNSURE, seen.st_ctime_ns, seen.st_ino)


def same(before: Stamp, seen: os.stat_result) -> bool:
    """True if a file or folder is surely as it was."""
    return before == (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)


def look(path: str) -> Seen:
    """Return a file's state.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as handle:
        taken = stamp(os.fstat(handle.fileno()))
        return Seen(path, taken, digest(handle.read()))


def surroundings(paths: Iterable[str]) -> bytes:
    """Return what stands for the files above some paths that decide how these are read.

    These are the configuration, the repository, its ignore files, and whether a folder is a package.

    Args:
        paths: absolute.
    """
    parts: list[bytes] = []
    known: set[str] = set()
    for path in sorted(paths):
        parts.append(b"folder" if os.path.isdir(path) else b"file")
        place = path
        while place not in known:
            known.add(place)
            parts += [os.fsencode(place), *_marks(place)]
            place = os.path.dirname(place)
    return digest(*parts)


def _marks(folder: str) -> Iterable[bytes]:
    for name in (".git", "__init__.py"):
        yield b"present" if os.path.exists(os.path.join(folder, name)) else b"absent"
    for name in ("pyproject.toml", ".gitignore", os.path.join(".git", "info", "exclude")):
        try:
            with open(os.path.join(folder, name), "rb") as handle:
                yield b"content" + handle.read()
        except OSError as error:
            yield str(error.errno).encode()
