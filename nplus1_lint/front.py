"""What every command does first: discover, sieve, index and link. Inference is the command's own."""

from __future__ import annotations

import gc
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nplus1_lint.discover import discover, find_templates, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from nplus1_lint.cache.store import Store
    from nplus1_lint.config import Config, Workspace
    from nplus1_lint.discover import Discovery, TemplateFile
    from nplus1_lint.findings import ScanError
    from nplus1_lint.index import Index
    from nplus1_lint.index.cache import FactsCache
    from nplus1_lint.index.facts import ParseError
    from nplus1_lint.index.sources import Sources
    from nplus1_lint.link import Project

    Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Read:
    """A project that has been read.

    Attributes:
        found: its files.
        reported: project paths of the files that are asked about.
        index: their facts.
        templates: the files that may be templates.
        names: between project paths and those of the working directory.
        known: the facts of files of this run and of former ones, where they are kept.
        aside: project paths of the files that cannot matter and were not parsed.
    """

    found: Discovery
    reported: frozenset[str]
    index: Index
    templates: tuple[TemplateFile, ...]
    names: Names
    known: FactsCache | None
    aside: tuple[str, ...]

    def errors(self, *, everywhere: bool = False) -> tuple[ScanError, ...]:
        """Return what could not be read or parsed, named from the working directory and sorted.

        Args:
            everywhere: also files that are not asked about.
        """
        unparsed = (
            module.parse_error.scan_error(module.path)
            for module in self.index.modules
            if module.parse_error and (everywhere or module.path in self.reported)
        )
        return self.names.errors((*self.found.errors, *unparsed))

    def linked(self, clock: Clock) -> Front:
        """Tie the files together."""
        from nplus1_lint.link import link

        with clock("link"):
            project = link(self.index.modules, self.templates, self.index.migrations)
        files = (self.found, self.reported, self.index, self.templates, self.names)
        return Front(*files, self.known, self.aside, project)


@dataclass(frozen=True, slots=True)
class Front(Read):
    """A project that has been read and linked.

    Attributes:
        project: the facts, linked.
    """

    project: Project

    def over(self, changed: Mapping[str, bytes]) -> Front:
        """Return the project with other contents of some files, by project path, linked anew."""
        return replace(self, index=self.index.over(changed)).linked(Clock())


@dataclass(frozen=True, slots=True)
class Names:
    """Translates paths.

    Attributes:
        root: the absolute project root.
        cwd: the absolute working directory.
    """

    root: str
    cwd: str

    def shown(self, path: str) -> str:
        """Return a project path as seen from the working directory."""
        return relative(os.path.normpath(os.path.join(self.root, path)), self.cwd)

    def located(self, path: str) -> str:
        """Return the project path of a path as seen from the working directory."""
        return relative(os.path.abspath(os.path.join(self.cwd, path)), self.root)

    def errors(self, errors: Iterable[ScanError]) -> tuple[ScanError, ...]:
        """Return errors named from the working directory, sorted."""
        seen = (replace(error, path=self.shown(error.path)) for error in errors)
        return tuple(sorted(seen, key=lambda error: (error.path, error.line, error.message)))


class Clock:
    """Times the stages, and says to *progress* that one begins.

    Args:
        progress: called with a stage's name, how much of it is done and how much there is.

    Attributes:
        timings: seconds by stage.
        progress: as given.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self.timings: dict[str, float] = {}
        self.progress = progress

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time a stage."""
        if self.progress:
            self.progress(stage, 0, 0)
        start = time.perf_counter()
        yield
        self.timings[stage] = self.timings.get(stage, 0.0) + time.perf_counter() - start


def find(paths: Sequence[str], config: Config, workspace: Workspace, *, cwd: str, clock: Clock) -> Discovery:
    """Find the files of a run: see `nplus1_lint.discover.discover`."""
    with clock("discover"):
        return discover(paths, config, workspace, cwd=cwd)


def read(
    found: Discovery,
    config: Config,
    workspace: Workspace,
    *,
    cwd: str,
    clock: Clock,
    contents: Sources | None = None,
    store: Store | None = None,
    sieve: bool = False,
) -> Read:
    """Read the files of a run.

    Args:
        found: the files.
        config: how many processes read them.
        workspace: the project around them.
        cwd: the absolute working directory.
        clock: times the stages.
        contents: reads the files; those on disk by default.
        store: what former runs have kept.
        sieve: leave out the files that cannot matter to a finding.

    Returns:
        The project; neither the number of processes nor the store changes anything in it.
    """
    from nplus1_lint.index import index_files
    from nplus1_lint.index.cache import FactsCache
    from nplus1_lint.index.sources import Sources

    contents = contents or Sources()
    files, aside = found.files, tuple[str, ...]()
    if sieve:
        from nplus1_lint.sieve import sift

        with clock("sieve"):
            aside = sift(found, contents, store)
            left_out = frozenset(aside)
            files = tuple(file for file in found.files if file.path not in left_out)
    with clock("index"):
        jobs = config.jobs or _processors()
        cache = FactsCache(store) if store is not None else None
        index = index_files(files, found.context, jobs, clock.progress, contents, cache)
        templates = _templates(index, found, workspace)
    reported = frozenset(file.path for file in found.files if file.reported)
    return Read(found, reported, index, templates, Names(workspace.root, cwd), cache, aside)


def unparsed_aside(found: Discovery, aside: Iterable[str], contents: Sources) -> tuple[tuple[str, ParseError], ...]:
    """Return what is wrong with files that cannot matter but were passed by name: somebody asks about just these.

    Args:
        found: the files.
        aside: project paths of those that were not parsed.
        contents: reads them.
    """
    from nplus1_lint.index import parse_errors

    named = found.named.intersection(aside)
    return tuple(parse_errors((file for file in found.files if file.path in named), contents))


def _templates(index: Index, found: Discovery, workspace: Workspace) -> tuple[TemplateFile, ...]:
    """The files that may be templates, where any module renders some."""
    from nplus1_lint.index.templates import named_folders, renders

    if not renders(index.modules):
        return ()
    return find_templates(found.template_folders, named_folders(index.modules), workspace.root)


@contextmanager
def no_collection() -> Iterator[None]:
    """Facts are large, live to the end and form no cycles: to collect among them costs more than to read them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
