"""What a run has told, told again while nothing that it depends on has changed.

This is what an unchanged tree costs, so it imports next to nothing: neither the rules nor what reads syntax.
"""

from __future__ import annotations

import marshal
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nplus1_lint.cache.stamps import Inputs, Seen, Stamp, look, same, surroundings
from nplus1_lint.cache.store import FOLDER, Store, digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PREFIX: Final = "told-"
_KEPT: Final = 12
_IRRELEVANT: Final = frozenset({"jobs", "cache_dir", "output"})  # they change nothing in the text


class Told(NamedTuple):
    """What a run has told.

    Attributes:
        text: the report; None if it has been written already.
        said: lines on standard error.
        code: the exit code.
    """

    text: str | None
    said: tuple[str, ...]
    code: int


class Run:
    """One run of a command, as it was asked for.

    Args:
        paths: files and folders, absolute or relative to *cwd*.
        options: all options by name; a value that is the path of a file stands for its content too.
        view: whatever else the text depends on.
        cwd: the absolute working directory.
        folder: the cache folder, absolute; None to look for it in and above the folder that the paths share.
    """

    def __init__(
        self, paths: Sequence[str], options: Mapping[str, Any], view: object, *, cwd: str, folder: str | None
    ) -> None:
        self._paths = [os.path.abspath(os.path.join(cwd, path)) for path in paths]
        self._folder = folder
        asked = sorted((name, value) for name, value in options.items() if name not in _IRRELEVANT)
        contents = [_content(value) for _, value in asked if isinstance(value, str)]
        self._name = f"{_PREFIX}{digest(repr((cwd, list(paths), asked, view)).encode(), *contents).hex()}"
        self._around = surroundings(set(self._paths))

    def recall(self) -> Told | None:
        """Return what the run would tell, if that is known."""
        for store in self._stores():
            body = store.read(self._name)
            if body is not None:
                return self._still(store, body)
        return None

    def keep(self, store: Store, told: Told, inputs: Inputs) -> None:
        """Keep what the run has told."""
        old = store.names(_PREFIX)[_KEPT - 1 :]
        self._write(store, told, inputs)
        store.remove(name for name in old if name != self._name)

    def _stores(self) -> Iterator[Store]:
        if self._folder is not None:
            yield Store(self._folder)
            return
        try:
            place = os.path.commonpath(self._paths)
        except ValueError:  # on several drives
            return
        while True:
            if os.path.isdir(os.path.join(place, FOLDER)):
                yield Store(os.path.join(place, FOLDER))
            above = os.path.dirname(place)
            if above == place:
                return
            place = above

    def _write(self, store: Store, told: Told, inputs: Inputs) -> None:
        store.write(self._name, marshal.dumps((self._around, _plain(inputs), tuple(told))))

    def _still(self, store: Store, body: memoryview) -> Told | None:
        try:
            around, plain, told = marshal.loads(body)
            before, known = _inputs(plain), Told(*told)
        except (EOFError, TypeError, ValueError):  # nothing that this edition has written
            return None
        if around != self._around:
            return None
        now = _looked_at_again(before)
        if now is None:
            return None
        if now != before:  # written anew, or too fresh when they were read: what is sure now need not be read again
            self._write(store, known, now)
        return known


def _content(path: str) -> bytes:
    try:
        return look(path).digest if os.path.isfile(path) else b""
    except OSError:
        return b""


def _plain(inputs: Inputs) -> tuple[Any, ...]:
    files, folders, template_folders, named, templates, root = inputs
    return _rows(files), _rows(folders), template_folders, named, _rows(templates), root


def _rows(seen: tuple[Seen, ...]) -> tuple[Any, ...]:
    return tuple((one.path, tuple(one.stamp), one.digest) for one in seen)


def _inputs(plain: tuple[Any, ...]) -> Inputs:
    files, folders, template_folders, named, templates, root = plain
    return Inputs(_seen(files), _seen(folders), template_folders, named, _seen(templates), root)


def _seen(rows: tuple[Any, ...]) -> tuple[Seen, ...]:
    return tuple([Seen(path, Stamp(*taken), known) for path, taken, known in rows])


def _looked_at_again(before: Inputs) -> Inputs | None:
    """The inputs as they are now; None if one of them is another."""
    try:
        folders = tuple([_folder(one) for one in before.folders])
        files = tuple([_file(one) for one in before.files])
        templates = tuple([_file(one) for one in before.templates])
    except OSError:
        return None
    pairs = ((before.folders, folders), (before.files, files), (before.templates, templates))
    if any(one.digest != other.digest for old, new in pairs for one, other in zip(old, new, strict=True)):
        return None
    if before.template_folders or before.named_folders:
        from nplus1_lint.discover import find_templates

        found = find_templates(before.template_folders, before.named_folders, before.root)
        if [file.absolute for file in found] != [one.path for one in templates]:
            return None
    return before._replace(files=files, folders=folders, templates=templates)


def _file(before: Seen) -> Seen:
    return before if same(before.stamp, os.stat(before.path)) else look(before.path)


def _folder(before: Seen) -> Seen:
    if same(before.stamp, os.stat(before.path)):
        return before
    from nplus1_lint.discover import list_folder

    return list_folder(before.path)[0]
