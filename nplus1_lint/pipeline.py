"""The stages in order: discover, index, link, infer, rules, flag; what is shown is decided here and nowhere else."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nplus1_lint.config import Config, Workspace, selected_codes
from nplus1_lint.discover import discover, find_templates, relative
from nplus1_lint.findings import Confidence, Report, Summary

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from nplus1_lint.discover import Discovery, TemplateFile
    from nplus1_lint.findings import Finding, ScanError, Suspect
    from nplus1_lint.index import Index
    from nplus1_lint.load_matrix import LoadMatrix
    from nplus1_lint.traces import Trace

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A report and what only the person at the terminal wants to know of the run.

    Attributes:
        report: what the run found.
        hidden_low: how many findings are left out for their low confidence.
        warnings: sentences about paths that hold nothing to check.
        notes: sentences about templates, for the verbose.
    """

    report: Report
    hidden_low: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def rule_codes() -> tuple[str, ...]:
    """Return the codes of all rules."""
    from nplus1_lint.rules import RULES

    return tuple(rule.code for rule in RULES)


def check(
    paths: Sequence[str], config: Config, workspace: Workspace, *, cwd: str, progress: Progress | None = None
) -> Outcome:
    """Scan files and folders.

    Args:
        paths: files and folders, absolute or relative to *cwd*.
        config: what to report.
        workspace: the project around the paths.
        cwd: the absolute working directory; the paths of the report are relative to it.
        progress: called with a stage's name, how much of it is done and how much there is.

    Returns:
        The report; the order of *paths* and the number of jobs change nothing in it.

    Raises:
        ConfigError: A pattern of the exclusions is invalid.
        InternalError: The linter contradicts itself.
        OSError: A file with a finding vanished during the scan.
    """
    from nplus1_lint.flag import flag
    from nplus1_lint.flag.suppress import apply_suppressions
    from nplus1_lint.index import index_files
    from nplus1_lint.infer import infer
    from nplus1_lint.link import link
    from nplus1_lint.rules import RULES, find_suspects

    clock = _Clock(progress)
    with _no_collection():
        with clock("discover"):
            found = discover(paths, config, workspace, cwd=cwd)
        reported = frozenset(file.path for file in found.files if file.reported)
        if not reported:
            return _nothing(found.errors, found.warnings, clock.timings, workspace.root, cwd)
        with clock("index"):
            index = index_files(found.files, found.context, config.jobs or _processors(), progress)
            templates = _templates(index, found, workspace)
        with clock("link"):
            project = link(index.modules, templates)
        with clock("infer"):
            analysis = infer(project)
        with clock("rules"):
            suspects = find_suspects(analysis, RULES)
        with clock("flag"):
            asked = _asked_for(suspects, reported, selected_codes(config, [rule.code for rule in RULES]))
            findings = flag(asked, index.sources, {rule.code: rule.name for rule in RULES})
            findings, hidden_low = _worth_showing(findings, config)
            shown, silenced = apply_suppressions(findings, {m.path: m.suppressions for m in index.modules})
    unparsed = [m.parse_error.scan_error(m.path) for m in index.modules if m.parse_error and m.path in reported]
    summary = Summary(len(reported), analysis.function_count, analysis.model_count, len(shown), len(silenced))
    report = Report(
        findings=shown,
        suppressed=silenced,
        errors=(*found.errors, *unparsed),
        summary=summary,
        sources={path: index.sources(path) for path in sorted({finding.path for finding in shown})},
        timings=clock.timings,
    )
    return Outcome(_seen_from(report, workspace.root, cwd), hidden_low, found.warnings, project.templates.notes())


def _templates(index: Index, found: Discovery, workspace: Workspace) -> tuple[TemplateFile, ...]:
    """The files that may be templates, where any module renders some."""
    from nplus1_lint.index.templates import named_folders, renders

    if not renders(index.modules):
        return ()
    return find_templates(found.template_folders, named_folders(index.modules), workspace.root)


@dataclass(frozen=True, slots=True)
class TraceOutcome:
    """A trace and what was wrong on the way to it.

    Attributes:
        trace: what is known of the function.
        errors: files that could not be read or parsed, so that the trace knows nothing of them.
        warnings: sentences about paths that hold nothing to read.
    """

    trace: Trace
    errors: tuple[ScanError, ...]
    warnings: tuple[str, ...]


def trace(function: str, paths: Sequence[str], config: Config, workspace: Workspace, *, cwd: str) -> TraceOutcome:
    """Say all that is known of one function.

    Args:
        function: its name, as `nplus1_lint.trace.find` takes it.
        paths: files and folders, absolute or relative to *cwd*.
        config: the exclusions; they leave out no function.
        workspace: the project around the paths.
        cwd: the absolute working directory; the paths of the trace are relative to it.

    Returns:
        The trace; it depends on what is read, not on the order of *paths*.

    Raises:
        ConfigError: A pattern of the exclusions is invalid.
        TraceError: The name means no function, or several.
    """
    from nplus1_lint.index import index_files
    from nplus1_lint.infer import infer
    from nplus1_lint.infer.recorder import Recorder
    from nplus1_lint.link import link
    from nplus1_lint.rules import RULES, find_suspects
    from nplus1_lint.trace import find, trace

    def named(path: str) -> str:
        return relative(os.path.normpath(os.path.join(workspace.root, path)), cwd)

    def located(path: str) -> str:
        return relative(os.path.abspath(os.path.join(cwd, path)), workspace.root)

    with _no_collection():
        found = discover(paths, config, workspace, cwd=cwd)
        index = index_files(found.files, found.context, config.jobs or _processors())
        project = link(index.modules, _templates(index, found, workspace))
        unparsed = [(m.path, m.parse_error) for m in index.modules if m.parse_error]
        unread = {path: f"{error.line} {error.message}" for path, error in unparsed}
        target = find(project, function, named, located, unread)
        recorder = Recorder([(target.path, target.facts.pos)])
        suspects = find_suspects(infer(project, recorder), RULES)
        told = trace(recorder, suspects, target, named)
    errors = [*found.errors, *(error.scan_error(path) for path, error in unparsed)]
    seen = (replace(error, path=named(error.path)) for error in errors)
    return TraceOutcome(told, tuple(sorted(seen, key=lambda e: (e.path, e.line, e.message))), found.warnings)


@dataclass(frozen=True, slots=True)
class LoadsOutcome:
    """A matrix of eager loads and what was wrong on the way to it.

    Attributes:
        matrix: relationships by routers.
        errors: files that could not be read or parsed, so that the matrix knows nothing of them.
        warnings: sentences about paths that hold nothing to read.
    """

    matrix: LoadMatrix
    errors: tuple[ScanError, ...]
    warnings: tuple[str, ...]


def loads(
    paths: Sequence[str], config: Config, workspace: Workspace, *, cwd: str, progress: Progress | None = None
) -> LoadsOutcome:
    """Say what each router loads by the mapping's own strategies, and whether it reads it.

    Args:
        paths: files and folders, absolute or relative to *cwd*; which relationships they ask about, `loads.tabulate`
            says.
        config: the exclusions.
        workspace: the project around the paths.
        cwd: the absolute working directory; the paths of the matrix are relative to it.
        progress: as for `check`.

    Returns:
        The matrix; the order of *paths* and the number of jobs change nothing in it.

    Raises:
        ConfigError: A pattern of the exclusions is invalid.
    """
    from nplus1_lint.index import index_files
    from nplus1_lint.infer import infer
    from nplus1_lint.link import link
    from nplus1_lint.loads import tabulate

    def named(path: str) -> str:
        return relative(os.path.normpath(os.path.join(workspace.root, path)), cwd)

    clock = _Clock(progress)
    with _no_collection():
        with clock("discover"):
            found = discover(paths, config, workspace, cwd=cwd)
        reported = frozenset(file.path for file in found.files if file.reported)
        with clock("index"):
            index = index_files(found.files, found.context, config.jobs or _processors(), progress)
            templates = _templates(index, found, workspace)
        with clock("link"):
            project = link(index.modules, templates)
        with clock("infer"):
            analysis = infer(project)
        with clock("loads"):
            matrix = tabulate(analysis, reported, named)
    unparsed = [m.parse_error.scan_error(m.path) for m in index.modules if m.parse_error and m.path in reported]
    seen = (replace(error, path=named(error.path)) for error in (*found.errors, *unparsed))
    return LoadsOutcome(matrix, tuple(sorted(seen, key=lambda e: (e.path, e.line, e.message))), found.warnings)


def _asked_for(suspects: Iterable[Suspect], reported: Collection[str], codes: Collection[str]) -> tuple[Suspect, ...]:
    """What the user asked about: the paths passed and the codes selected.

    The flag stage reads source anew, so the rest of the project is left out before it. Confidence and severity wait
    until after it: the fingerprints of equal findings are counted, and options must not change them.
    """
    return tuple(
        suspect
        for suspect in suspects
        if suspect.code in codes and (suspect.path in reported or any(path in reported for path in suspect.also_in))
    )


def _worth_showing(findings: Iterable[Finding], config: Config) -> tuple[tuple[Finding, ...], int]:
    """Leave out what is less severe than asked for, and what is of low confidence; the latter are counted."""
    severe = [finding for finding in findings if finding.severity >= config.min_severity]
    sure = [finding for finding in severe if config.show_low or finding.confidence > Confidence.LOW]
    return tuple(sure), len(severe) - len(sure)


def _nothing(
    errors: tuple[ScanError, ...], warnings: tuple[str, ...], timings: dict[str, float], root: str, cwd: str
) -> Outcome:
    report = Report((), (), errors, Summary(0, 0, 0, 0, 0), timings=timings)
    return Outcome(_seen_from(report, root, cwd), 0, warnings)


def _seen_from(report: Report, root: str, cwd: str) -> Report:
    """Name every path from the working directory instead of the project's root, and sort by these names."""

    def name(path: str) -> str:
        return relative(os.path.normpath(os.path.join(root, path)), cwd)

    def moved(findings: Iterable[Finding]) -> tuple[Finding, ...]:
        renamed = (
            replace(
                finding,
                path=name(finding.path),
                evidence=tuple(replace(step, path=name(step.path)) for step in finding.evidence),
                also_in=tuple(name(path) for path in finding.also_in),
            )
            for finding in findings
        )
        return tuple(sorted(renamed, key=lambda finding: finding.sort_key))

    errors = (replace(error, path=name(error.path)) for error in report.errors)
    return replace(
        report,
        findings=moved(report.findings),
        suppressed=moved(report.suppressed),
        errors=tuple(sorted(errors, key=lambda error: (error.path, error.line, error.message))),
        sources={name(path): text for path, text in report.sources.items()},
    )


class _Clock:
    """Times the stages, and says to *progress* that one begins."""

    def __init__(self, progress: Progress | None) -> None:
        self.timings: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        if self._progress:
            self._progress(stage, 0, 0)
        start = time.perf_counter()
        yield
        self.timings[stage] = time.perf_counter() - start


@contextmanager
def _no_collection() -> Iterator[None]:
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
