"""A folder of entries that are whole or not there.

Nothing in it can change what a run finds: an entry that is missing, cut short or altered counts as absent, and one
that cannot be written is left out.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from nplus1_lint.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER: Final = ".nplus1_cache"
_DIGEST: Final = 16
_MAGIC: Final = b"nplus1-lint cache 1\n"
_EDITIONS: Final = 4  # folders of other versions and interpreters that may stay beside this one's
_TAG: Final = b"Signature: 8a477f597d28d172789f06886806bc55\n# What nplus1-lint keeps between runs.\n"


def digest(*parts: bytes | memoryview) -> bytes:
    """Return 16 bytes that stand for some parts, their bounds included."""
    whole = blake2b(digest_size=_DIGEST)
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.digest()


@cache
def edition() -> str:
    """Return the name of what decides over the meaning of entries: the program, its libraries and the interpreter.

    The program is known by its version and by the sizes and times of its files, so that a changed checkout never meets
    what it has kept before the change; its libraries by the time at which their folder has changed last.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parts = [__version__, sys.implementation.cache_tag or sys.implementation.name, sys.version]
    parts += [f"{folder}:{_changed(folder)}" for folder in sys.path if folder.endswith("-packages")]
    pending = [package]
    while pending:
        with os.scandir(pending.pop()) as listing:
            for entry in listing:
                if entry.name.endswith((".py", ".so", ".pyd")):
                    seen = entry.stat()
                    parts.append(f"{entry.path}:{seen.st_size}:{seen.st_mtime_ns}")
                elif entry.name != "__pycache__" and entry.is_dir():
                    pending.append(entry.path)
    name = digest(*(part.encode("utf-8", "surrogateescape") for part in sorted(parts))).hex()[:16]
    return f"{__version__}-{sys.implementation.cache_tag or sys.implementation.name}-{name}"


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


class Store:
    """Entries by name, for one edition of the program.

    Args:
        folder: the absolute cache folder, which need not exist.

    Attributes:
        failure: why the last entry could not be written, or an empty string.
    """

    def __init__(self, folder: str) -> None:
        self._top = folder
        self._place = os.path.join(folder, edition())
        self.failure = ""

    def read(self, name: str) -> memoryview | None:
        """Return an entry, or None if it is not there as it was written."""
        try:
            with open(os.path.join(self._place, name), "rb") as handle:
                data = handle.read()
        except OSError:
            return None
        start = len(_MAGIC) + _DIGEST
        body = memoryview(data)[start:]
        return body if data[:start] == _MAGIC + digest(body) else None

    def write(self, name: str, body: bytes) -> None:
        """Keep an entry; other processes see the old one or the new one, never a part."""
        self._prepare()
        if self.failure:
            return
        target = os.path.join(self._place, name)
        temporary = f"{target}.{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as handle:
                handle.write(_MAGIC + digest(body))
                handle.write(body)
            os.replace(temporary, target)
        except OSError as error:
            self.failure = f"{target}: {error.strerror or error}"

    def names(self, prefix: str) -> list[str]:
        """Return the names of the entries that begin so, the one written last first."""
        try:
            with os.scandir(self._place) as listing:
                found = [(-e.stat().st_mtime_ns, e.name) for e in listing if _named(e.name, prefix)]
        except OSError:
            return []
        return [name for _, name in sorted(found)]

    def remove(self, names: Iterable[str]) -> None:
        """Forget entries; another process may have done so already."""
        for name in names:
            _unlink(os.path.join(self._place, name))

    def _prepare(self) -> None:
        if self.failure or os.path.isdir(self._place):
            return
        try:
            os.makedirs(self._place)
            for name, content in ((".gitignore", b"*\n"), ("CACHEDIR.TAG", _TAG)):
                with open(os.path.join(self._top, name), "wb") as handle:
                    handle.write(content)
            self._forget_editions()
        except FileExistsError:
            return  # another process was faster
        except OSError as error:
            self.failure = f"{error.filename or self._place}: {error.strerror or error}"

    def _forget_editions(self) -> None:
        """Keep no more than a few folders of other editions."""
        with os.scandir(self._top) as listing:
            found = sorted((-e.stat().st_mtime_ns, e.path) for e in listing if e.is_dir())
        for _, folder in found[_EDITIONS:]:
            with os.scandir(folder) as listing:
                files = [entry.path for entry in listing]
            for file in files:
                _unlink(file)
            os.rmdir(folder)


def _named(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and not name.endswith(".tmp")


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
