"""The stages in order: those of `front`, then infer, rules, flag; what is shown is decided here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from nplus1_lint.config import UNUSED, Config, Workspace, selected_codes
from nplus1_lint.findings import Confidence, Report, Summary
from nplus1_lint.front import Clock, Names, find, no_collection, read, unparsed_aside

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from nplus1_lint.cache.stamps import Inputs
    from nplus1_lint.cache.store import Store
    from nplus1_lint.discover import Discovery
    from nplus1_lint.failures import Failure
    from nplus1_lint.findings import Finding, ScanError, Suspect
    from nplus1_lint.flag.source import SourceFiles
    from nplus1_lint.front import Front, Progress
    from nplus1_lint.index.sources import Sources
    from nplus1_lint.infer.former import Former
    from nplus1_lint.judged import Judged
    from nplus1_lint.load_matrix import LoadMatrix
    from nplus1_lint.traces import Trace


@dataclass(frozen=True, slots=True)
class Outcome:
    """A report and what only the person at the terminal wants to know of the run.

    Attributes:
        report: what the run found.
        hidden_low: how many findings are left out for their low confidence.
        warnings: sentences about paths that hold nothing to check.
        notes: sentences about templates, for the verbose.
        aside: how many files cannot matter and were not parsed, and of how many.
        inputs: what the outcome depends on, if it may be told again without a scan.
        failures: of the linter, which are among the errors of the report.
    """

    report: Report
    hidden_low: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()
    aside: tuple[int, int] = (0, 0)
    inputs: Inputs | None = None
    failures: tuple[Failure, ...] = ()


def rule_codes() -> tuple[str, ...]:
    """Return the codes of all rules."""
    from nplus1_lint.rules import NAMES

    return tuple(NAMES)


def check(
    paths: Sequence[str],
    config: Config,
    workspace: Workspace,
    *,
    cwd: str,
    progress: Progress | None = None,
    overlay: Mapping[str, bytes] | None = None,
    store: Store | None = None,
) -> Outcome:
    """Scan files and folders.

    Args:
        paths: files and folders, absolute or relative to *cwd*.
        config: what to report.
        workspace: the project around the paths.
        cwd: the absolute working directory; the paths of the report are relative to it.
        progress: called with a stage's name, how much of it is done and how much there is.
        overlay: contents that stand for those on disk, by absolute path: what a scan would find after a fix.
        store: what former runs have kept.

    Returns:
        The report; the order of *paths*, the number of jobs and the store change nothing in it.

    Raises:
        ConfigError: A pattern of the exclusions is invalid.
        InternalError: The linter contradicts itself.
        OSError: A file with a finding vanished during the scan.
    """
    from nplus1_lint.cache.states import States
    from nplus1_lint.index.sources import Sources
    from nplus1_lint.judged import Memory

    clock = Clock(progress)
    with no_collection():
        found = find(paths, config, workspace, cwd=cwd, clock=clock)
        if not any(file.reported for file in found.files):
            return nothing(found.errors, found.warnings, clock.timings, Names(workspace.root, cwd))
        contents = Sources(overlay, keep=True, states=States(store) if store is not None else None)
        memory = judged = None
        if store is not None:
            with clock("recall"):
                memory = Memory(store, found, workspace.root, contents)
                judged = memory.recall()
        if judged is None:
            project = read(found, config, workspace, cwd=cwd, clock=clock, contents=contents, store=store, sieve=True)
            if memory is not None:
                with clock("recall facts"):
                    judged = memory.recall_alike(project)
            if judged is None:
                former = memory.former(project) if memory is not None else None
                judged = judge(project.linked(clock), clock, former)
                if memory is not None and not judged.failures:
                    with clock("keep"):
                        memory.keep(judged, project, former)
        outcome = Scan(judged, found, contents, Names(workspace.root, cwd), config, clock, store).outcome()
        contents.save()
        lasting = memory.inputs() if memory is not None and not outcome.failures else None
        return replace(outcome, inputs=lasting)


def judge(front: Front, clock: Clock, former: Former | None = None) -> Judged:
    """Infer, and apply the rules."""
    from nplus1_lint.failures import Failures
    from nplus1_lint.infer import infer
    from nplus1_lint.judged import gather
    from nplus1_lint.rules import find_suspects

    failures = Failures()
    with clock("infer"):
        analysis = infer(front.project, former=former, failures=failures)
    with clock("rules"):
        suspects = find_suspects(analysis, failures=failures)
        return gather(front, analysis, suspects, analysis.bearing if former is not None else None, failures.all())


class Scan:
    """What the rules say of a project; flagging waits until it is asked for.

    Args:
        judged: all that they say.
        found: the files.
        contents: reads them.
        names: between project paths and those of the working directory.
        config: what to report.
        clock: times the stages.
        store: what former runs have kept.

    Attributes:
        suspects: all of the project that are not hidden for their low confidence.
    """

    def __init__(
        self,
        judged: Judged,
        found: Discovery,
        contents: Sources,
        names: Names,
        config: Config,
        clock: Clock,
        store: Store | None = None,
    ) -> None:
        self.suspects = tuple(s for s in judged.suspects if config.show_low or s.confidence > Confidence.LOW)
        self._judged = judged
        self._found = found
        self._contents = contents
        self._names = names
        self._config = config
        self._clock = clock
        self._store = store
        self._reported = frozenset(file.path for file in found.files if file.reported)

    @cached_property
    def _locations(self) -> dict[str, str]:
        return {file.path: file.absolute for file in (*self._found.files, *self._found.context)}

    def content(self, path: str) -> bytes:
        """Return a file's content by its project path."""
        return self._contents.read(self._locations[path])

    def text(self, path: str) -> str:
        """Return a file's text by its project path."""
        from nplus1_lint.index.comments import decode

        return decode(self.content(path))

    @cached_property
    def _flagged(self) -> tuple[tuple[Finding, ...], tuple[Finding, ...], int, tuple[Failure, ...]]:
        """Findings shown and silenced, how many are hidden for their low confidence, and what failed."""
        from nplus1_lint.failures import Failures
        from nplus1_lint.flag import flag
        from nplus1_lint.flag.suppress import apply_suppressions
        from nplus1_lint.rules import NAMES

        judged, config = self._judged, self._config
        with self._clock("flag"):
            asked = _asked_for(judged.suspects, self._reported, selected_codes(config, NAMES))
            failures = Failures()
            findings = flag(asked, self.text, NAMES, self._store, failures)
            findings, hidden_low = _worth_showing(findings, config)
            shown, silenced = apply_suppressions(findings, judged.suppressions)
            asking = {path: [c for c in some if UNUSED in c.codes] for path, some in judged.suppressions.items()}
            unused, wanted = apply_suppressions(self._unused(), asking)
            shown, silenced = _in_order((*shown, *unused)), _in_order((*silenced, *wanted))
        return shown, silenced, hidden_low, failures.all()

    def _unused(self) -> tuple[Finding, ...]:
        """The comments that silence nothing, as far as that is known."""
        from nplus1_lint.rules import NAMES

        judged = self._judged
        comments = {path: some for path, some in judged.suppressions.items() if path in self._reported}
        selected = selected_codes(self._config, NAMES)
        if not comments or UNUSED not in selected or not self._found.whole or judged.unparsed:
            return ()
        from nplus1_lint.flag.unused import unused_suppressions

        found = unused_suppressions(judged.suspects, comments, NAMES, selected, self.files)
        return _worth_showing(found, self._config)[0]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is shown, with project paths."""
        return self._flagged[0]

    @cached_property
    def files(self) -> SourceFiles:
        """The texts of the project."""
        from nplus1_lint.flag.source import SourceFiles

        return SourceFiles(self.text)

    def encoded(self, path: str, text: str) -> bytes:
        """Return a new text as the content of a file."""
        from nplus1_lint.index.comments import encode

        return encode(text, self.content(path))

    def outcome(self) -> Outcome:
        """Report it."""
        judged, names = self._judged, self._names
        shown, silenced, hidden_low, failures = self._flagged
        failures = (*judged.failures, *failures)
        unparsed = [one for one in judged.unparsed if one[0] in self._reported]
        unparsed += unparsed_aside(self._found, judged.aside, self._contents)
        counts = len(self._reported), judged.function_count, judged.model_count, len(shown), len(silenced)
        report = Report(
            findings=_seen(shown, names),
            suppressed=_seen(silenced, names),
            errors=names.errors(
                (
                    *self._found.errors,
                    *(error.scan_error(path) for path, error in unparsed),
                    *(failure.scan_error for failure in failures),
                )
            ),
            summary=Summary(*counts),
            sources={names.shown(path): self.text(path) for path in sorted({f.path for f in shown})},
            timings=self._clock.timings,
        )
        aside = len(judged.aside), len(self._found.files)
        return Outcome(report, hidden_low, self._found.warnings, judged.notes, aside, failures=failures)


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


def trace(
    function: str, paths: Sequence[str], config: Config, workspace: Workspace, *, cwd: str, store: Store | None = None
) -> TraceOutcome:
    """Say all that is known of one function.

    Args:
        function: its name, as `nplus1_lint.trace.find` takes it.
        paths: files and folders, absolute or relative to *cwd*.
        config: the exclusions; they leave out no function.
        workspace: the project around the paths.
        cwd: the absolute working directory; the paths of the trace are relative to it.
        store: what former runs have kept.

    Returns:
        The trace; it depends on what is read, not on the order of *paths*.

    Raises:
        ConfigError: A pattern of the exclusions is invalid.
        TraceError: The name means no function, or several.
    """
    from nplus1_lint.infer import infer
    from nplus1_lint.infer.recorder import Recorder
    from nplus1_lint.rules import find_suspects
    from nplus1_lint.trace import find as find_function
    from nplus1_lint.trace import trace

    clock = Clock()
    with no_collection():
        found = find(paths, config, workspace, cwd=cwd, clock=clock)
        front = read(found, config, workspace, cwd=cwd, clock=clock, store=store).linked(clock)
        names = front.names
        unparsed = [(m.path, m.parse_error) for m in front.index.modules if m.parse_error]
        unread = {path: f"{error.line} {error.message}" for path, error in unparsed}
        target = find_function(front.project, function, names.shown, names.located, unread)
        recorder = Recorder([(target.path, target.facts.pos)])
        suspects = find_suspects(infer(front.project, recorder))
        told = trace(recorder, suspects, target, names.shown)
    return TraceOutcome(told, front.errors(everywhere=True), found.warnings)


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
    paths: Sequence[str],
    config: Config,
    workspace: Workspace,
    *,
    cwd: str,
    progress: Progress | None = None,
    store: Store | None = None,
) -> LoadsOutcome:
    """Say what each router loads by the mapping's own strategies, and whether it reads it.

    Args:
        paths: files and folders, absolute or relative to *cwd*; which relationships they ask about, `loads.tabulate`
            says.
        config: the exclusions.
        workspace: the project around the paths.
        cwd: the absolute working directory; the paths of the matrix are relative to it.
        progress: as for `check`.
        store: what former runs have kept.

    Returns:
        The matrix; the order of *paths* and the number of jobs change nothing in it.

    Raises:
        ConfigError: A pattern of the exclusions is invalid.
    """
    from nplus1_lint.infer import infer
    from nplus1_lint.loads import tabulate

    clock = Clock(progress)
    with no_collection():
        found = find(paths, config, workspace, cwd=cwd, clock=clock)
        front = read(found, config, workspace, cwd=cwd, clock=clock, store=store).linked(clock)
        with clock("infer"):
            analysis = infer(front.project)
        with clock("loads"):
            matrix = tabulate(analysis, front.reported, front.names.shown)
    return LoadsOutcome(matrix, front.errors(), found.warnings)


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


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.sort_key))


def nothing(
    errors: tuple[ScanError, ...], warnings: tuple[str, ...], timings: dict[str, float], names: Names
) -> Outcome:
    """Return the outcome of a run that was asked about no file."""
    return Outcome(Report((), (), names.errors(errors), Summary(0, 0, 0, 0, 0), timings=timings), 0, warnings)


def _seen(findings: Iterable[Finding], names: Names) -> tuple[Finding, ...]:
    """Name every path from the working directory instead of the project's root, and sort by these names."""
    renamed = (
        replace(
            finding,
            path=names.shown(finding.path),
            evidence=tuple(replace(step, path=names.shown(step.path)) for step in finding.evidence),
            also_in=tuple(names.shown(path) for path in finding.also_in),
        )
        for finding in findings
    )
    return tuple(sorted(renamed, key=lambda finding: finding.sort_key))
