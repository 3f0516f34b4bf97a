"""Files to facts: reads each file once and keeps its text for later stages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import msgspec

from nplus1_lint.index.encoding import Codec, Encoded
from nplus1_lint.index.facts import ModuleFacts, ParseError
from nplus1_lint.index.modules import absolute, aliases, packages
from nplus1_lint.index.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.index.cache import FactsCache

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
        contents: reads them.
        migrations: those of Alembic that nobody imports, by path: they tell of indexes.
    """

    modules: tuple[ModuleFacts, ...]
    locations: dict[str, str] = field(repr=False)
    contents: Sources = field(repr=False)
    migrations: tuple[ModuleFacts, ...] = ()

    def sources(self, path: str) -> str:
        """Return a file's text, decoded as Python would.

        Raises:
            OSError: the file can no longer be read.
        """
        from nplus1_lint.index.comments import decode

        return decode(self.content(path))

    def content(self, path: str) -> bytes:
        """Return a file's content.

        Raises:
            OSError: the file can no longer be read.
        """
        return self.contents.read(self.locations[path])

    def over(self, changed: Mapping[str, bytes]) -> Index:
        """Return the index of the same files with other contents.

        Args:
            changed: new contents by project path. What they import beyond the old ones must be indexed already.
        """
        modules = tuple(_extract(m.path, changed[m.path]) if m.path in changed else m for m in self.modules)
        contents = self.contents.over({self.locations[path]: content for path, content in changed.items()})
        return replace(self, modules=modules, contents=contents)


def index_files(
    files: Sequence[SourceFile],
    context: Sequence[SourceFile] = (),
    jobs: int = 1,
    progress: Progress | None = None,
    contents: Sources | None = None,
    cache: FactsCache | None = None,
) -> Index:
    """Read files and lower them to facts.

    Args:
        files: what is scanned.
        context: files beside them that are read only when a scanned file imports them, directly or not, or when
            they are migrations.
        jobs: worker processes; 1 stays in this process. The result does not depend on it.
        progress: called with a stage's name, how many files are done and how many there are.
        contents: reads the files; those on disk by default.
        cache: facts of former runs; what is new is added to it. The result does not depend on it.

    Returns:
        The index, sorted by path.
    """
    contents = contents or Sources()
    reader = _Reader(jobs, contents, cache)
    modules = {m.path: m for m in reader.read(files, progress)}
    located = {file.path: file.absolute for file in files}
    waiting = _by_alias(files, [c for c in context if c.path not in modules])
    frontier: Iterable[ModuleFacts] = modules.values()
    while waiting:
        wanted = {c.path: c for module in frontier for c in _imported(module, waiting) if c.path not in modules}
        if not wanted:
            break
        frontier = list(reader.read([wanted[p] for p in sorted(wanted)]))
        modules.update((m.path, m) for m in frontier)
        located.update((c.path, c.absolute) for c in wanted.values())
    aside = [c for c in context if c.path not in modules and _is_migration(c, contents)]
    migrations = tuple(reader.read(aside))
    if cache is not None:
        cache.save()
    return Index(tuple(modules[p] for p in sorted(modules)), located, contents, migrations)


def parse_errors(files: Iterable[SourceFile], contents: Sources) -> Iterator[tuple[str, ParseError]]:
    """Yield why files cannot be read or parsed, by project path, for those of which that is so.

    Args:
        files: any files.
        contents: reads them.
    """
    for file in files:
        try:
            error = _extract(file.path, contents.read(file.absolute)).parse_error
        except OSError as failure:
            error = _unread(file.path, failure).parse_error
        if error is not None:
            yield file.path, error


def _is_migration(file: SourceFile, contents: Sources) -> bool:
    """True for a script of Alembic, by what it defines: the folder is the project's choice."""
    try:
        return contents.passes(file.absolute, lambda source: b"down_revision" in source and b"def upgrade" in source)
    except OSError:
        return False  # nobody asked for it


class _Reader:
    """Reads files and lowers them to facts, what is not yet known in several processes if it is much.

    Args:
        jobs: worker processes; 1 stays in this process.
        contents: reads the files.
        cache: facts of former runs.
    """

    def __init__(self, jobs: int, contents: Sources, cache: FactsCache | None) -> None:
        self._jobs = jobs
        self._contents = contents
        self._cache = cache

    def read(self, files: Sequence[SourceFile], progress: Progress | None = None) -> Iterator[ModuleFacts]:
        """Yield the facts of files, those that are known first."""
        missing: list[tuple[SourceFile, bytes]] = []
        done = 0
        for file in files:
            known = None
            if self._cache is not None:
                known = self._cache.get(file.path, self._contents.digest(file.absolute))
            if known is not None:
                done += 1
                yield known
                continue
            try:
                missing.append((file, self._contents.read(file.absolute)))
            except OSError as error:
                yield _unread(file.path, error)
        for facts in self._extracted(missing):
            done += 1
            if progress:
                progress("index", done, len(files))
            yield facts

    def _extracted(self, files: list[tuple[SourceFile, bytes]]) -> Iterator[ModuleFacts]:
        codec = Codec()
        if self._jobs <= 1 or sum(len(content) for _, content in files) < _POOL_FROM:
            for file, content in files:
                facts = _extract(file.path, content)
                yield self._kept(file, facts, codec.encode(facts)) if self._cache is not None else facts
            return
        from concurrent.futures import ProcessPoolExecutor

        chunks = [files[i : i + 16] for i in range(0, len(files), 16)]
        sent = [[(file.path, content) for file, content in chunk] for chunk in chunks]
        decode = msgspec.msgpack.Decoder(list[Encoded]).decode
        with ProcessPoolExecutor(max_workers=self._jobs) as pool:
            for chunk, found in zip(chunks, pool.map(_extract_chunk, sent), strict=True):
                for (file, _), encoded in zip(chunk, decode(found), strict=True):
                    yield self._kept(file, codec.decode(encoded), encoded)

    def _kept(self, file: SourceFile, facts: ModuleFacts, encoded: Encoded) -> ModuleFacts:
        if self._cache is not None:
            self._cache.put(file.path, self._contents.digest(file.absolute), encoded)
        return msgspec.structs.replace(facts, digest=encoded.digest, outline_digest=encoded.outline_digest)


def _extract_chunk(files: Sequence[tuple[str, bytes]]) -> bytes:
    import gc

    gc.disable()  # facts are trees of untracked structs: collecting finds nothing and costs a third of the time
    codec = Codec()
    return msgspec.msgpack.encode([codec.encode(_extract(path, content)) for path, content in files])


def _extract(path: str, content: bytes) -> ModuleFacts:
    from nplus1_lint.index.extract import extract

    return extract(path, content)


def _unread(path: str, error: OSError) -> ModuleFacts:
    from nplus1_lint.index.facts import EMPTY_BODY

    why = ParseError(1, f"cannot be read: {error.strerror or error}")
    return ModuleFacts(path, path.endswith("__init__.py"), EMPTY_BODY, (), 0, why)


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
    for statement in module.imports:
        if statement.module is None:
            dotted = [alias.name for alias in statement.names]
        else:
            base = absolute(module.path, statement.module, statement.level)
            dotted = [f"{base}.{alias.name}" for alias in statement.names] if base else []
        for name in dotted:
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                yield from waiting.get(".".join(parts[:length]), ())
