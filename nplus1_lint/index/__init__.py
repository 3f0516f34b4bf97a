"""Files to facts: reads each file once and keeps its text for later stages."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from nplus1_lint.index.facts import ModuleFacts, ParseError
from nplus1_lint.index.modules import absolute, aliases, packages

Progress = Callable[[str, int, int], None]
_POOL_FROM = 400_000  # bytes of source from which a process pool pays for its start-up


class SourceFile(Protocol):
    """What indexing needs to know of a file."""

    @property
    def path(self) -> str:
        """Project path, forward slashes."""

    @property
    def absolute(self) -> str:
        """Where to read it."""


@dataclass(frozen=True, slots=True)
class Index:
    """The facts of all files, by path, and their texts on demand.

    Attributes:
        modules: sorted by path; a file that cannot be parsed is among them, with ``parse_error`` set.
        locations: project path to the file's absolute path.
        migrations: those of Alembic that nobody imports, by path: they tell of indexes.
    """

    modules: tuple[ModuleFacts, ...]
    locations: dict[str, str] = field(repr=False)
    migrations: tuple[ModuleFacts, ...] = ()

    def sources(self, path: str) -> str:
        """Return a file's text, decoded as Python would.

        Raises:
            OSError: the file can no longer be read.
        """
        from nplus1_lint.index.comments import decode

        with open(self.locations[path], "rb") as handle:
            return decode(handle.read())


def index_files(
    files: Sequence[SourceFile],
    context: Sequence[SourceFile] = (),
    jobs: int = 1,
    progress: Progress | None = None,
) -> Index:
    """Read files and lower them to facts.

    Args:
        files: what is scanned.
        context: files beside them that are read only when a scanned file imports them, directly or not, or when
            they are migrations.
        jobs: worker processes; 1 stays in this process. The result does not depend on it.
        progress: called with a stage's name, how many files are done and how many there are.

    Returns:
        The index, sorted by path.
    """
    modules = {m.path: m for m in _extract_all(files, jobs, progress)}
    located = {file.path: file.absolute for file in files}
    waiting = _by_alias(files, [c for c in context if c.path not in modules])
    frontier: Iterable[ModuleFacts] = modules.values()
    while waiting:
        wanted = {c.path: c for module in frontier for c in _imported(module, waiting) if c.path not in modules}
        if not wanted:
            break
        frontier = list(_extract_all([wanted[p] for p in sorted(wanted)], jobs, None))
        modules.update((m.path, m) for m in frontier)
        located.update((c.path, c.absolute) for c in wanted.values())
    aside = [c for c in context if c.path not in modules and _is_migration(c)]
    migrations = tuple(_extract_all(aside, jobs, None))
    return Index(tuple(modules[p] for p in sorted(modules)), located, migrations)


def _is_migration(file: SourceFile) -> bool:
    """True for a script of Alembic, by what it defines: the folder is the project's choice."""
    try:
        with open(file.absolute, "rb") as handle:
            source = handle.read()
    except OSError:
        return False  # nobody asked for it
    return b"down_revision" in source and b"def upgrade" in source


def _extract_all(files: Sequence[SourceFile], jobs: int, progress: Progress | None) -> Iterable[ModuleFacts]:
    pairs = [(f.path, f.absolute) for f in files]
    if jobs <= 1 or sum(_size(f.absolute) for f in files) < _POOL_FROM:
        yield from _in_process(pairs, progress)
        return
    from concurrent.futures import ProcessPoolExecutor

    import msgspec

    chunks = [pairs[i : i + 16] for i in range(0, len(pairs), 16)]
    decode = msgspec.msgpack.Decoder(list[ModuleFacts]).decode
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        done = 0
        for encoded in pool.map(_extract_chunk, chunks):
            modules = decode(encoded)
            done += len(modules)
            if progress:
                progress("index", done, len(pairs))
            yield from modules


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0  # it is reported when it is read


def _in_process(pairs: Sequence[tuple[str, str]], progress: Progress | None) -> Iterable[ModuleFacts]:
    for done, (path, location) in enumerate(pairs, 1):
        yield _extract_file(path, location)
        if progress:
            progress("index", done, len(pairs))


def _extract_chunk(pairs: Sequence[tuple[str, str]]) -> bytes:
    import gc

    import msgspec

    gc.disable()  # facts are trees of untracked structs: collecting finds nothing and costs a third of the time
    return msgspec.msgpack.encode([_extract_file(path, absolute) for path, absolute in pairs])


def _extract_file(path: str, absolute: str) -> ModuleFacts:
    from nplus1_lint.index.extract import EMPTY_BODY, extract

    try:
        with open(absolute, "rb") as handle:
            source = handle.read()
    except OSError as error:
        unread = ParseError(1, f"cannot be read: {error.strerror or error}")
        return ModuleFacts(path, path.endswith("__init__.py"), EMPTY_BODY, (), 0, unread)
    return extract(path, source)


def _by_alias(files: Sequence[SourceFile], context: Sequence[SourceFile]) -> dict[str, list[SourceFile]]:
    """Group context files by the names under which they may be imported."""
    folders = packages(file.path for file in (*files, *context))
    named: dict[str, list[SourceFile]] = {}
    for file in context:
        for alias in aliases(file.path, folders):
            named.setdefault(alias, []).append(file)
    return named


def _imported(module: ModuleFacts, waiting: dict[str, list[SourceFile]]) -> Iterable[SourceFile]:
    """Files that importing runs: each package on the way, the module, and submodules imported by name."""
    from nplus1_lint.index.walk import imports

    for statement in imports(module.body.body):
        if statement.module is None:
            dotted = [alias.name for alias in statement.names]
        else:
            base = absolute(module.path, statement.module, statement.level)
            dotted = [f"{base}.{alias.name}" for alias in statement.names] if base else []
        for name in dotted:
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                yield from waiting.get(".".join(parts[:length]), ())
