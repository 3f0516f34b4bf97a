"""The stages in order for ``report``: those of `front`, infer with counting, rules and flag, costs, loads, indexes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nplus1_lint.findings import Report, Severity, Summary
from nplus1_lint.front import Clock, Names, find, no_collection, read
from nplus1_lint.load_matrix import Action, LoadMatrix, Use
from nplus1_lint.remedies import Assessment, Estimate, Gain, Kind, PlanStep, Remedy, kind_of, worthiest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nplus1_lint.config import Config, Workspace
    from nplus1_lint.cost.savings import Relief, Savings
    from nplus1_lint.findings import Finding
    from nplus1_lint.front import Front, Progress
    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.load_matrix import QueryLoad, RelationshipLoads
    from nplus1_lint.query_costs import Assumptions, CostEntry, Polynomial


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """What the analysis is written from, and what was wrong on the way to it.

    Attributes:
        assessment: all that it tells.
        warnings: sentences about paths that hold nothing to read.
    """

    assessment: Assessment
    warnings: tuple[str, ...]


def assess(
    paths: Sequence[str],
    config: Config,
    workspace: Workspace,
    *,
    cwd: str,
    assumed: Assumptions,
    round_trip: float,
    stamp: str = "",
    progress: Progress | None = None,
) -> ReportOutcome:
    """Collect what the performance analysis of a project tells.

    Args:
        paths: files and folders, absolute or relative to *cwd*.
        config: what to report.
        workspace: the project around the paths.
        cwd: the absolute working directory; the paths of the analysis are relative to it.
        assumed: numbers for sizes.
        round_trip: milliseconds from a statement to its answer.
        stamp: when and by what it is made.
        progress: as for `check`.

    Returns:
        The assessment; the order of *paths* and the number of jobs change nothing in it.

    Raises:
        ConfigError: A pattern of the exclusions is invalid.
        InternalError: The linter contradicts itself.
    """
    from nplus1_lint.index.sources import Sources

    clock = Clock(progress)
    with no_collection():
        found = find(paths, config, workspace, cwd=cwd, clock=clock)
        if any(file.reported for file in found.files):
            front = read(found, config, workspace, cwd=cwd, clock=clock, contents=Sources(keep=True)).linked(clock)
            assessment = _assess(front, config, clock, tuple(paths), assumed, round_trip, stamp)
        else:
            errors = Names(workspace.root, cwd).errors(found.errors)
            report = Report((), (), errors, Summary(0, 0, 0, 0, 0))
            assessment = Assessment(
                tuple(paths), report, (), (), LoadMatrix((), (), ()), (), (), (), assumed, round_trip, stamp
            )
    return ReportOutcome(assessment, found.warnings)


def _assess(
    front: Front,
    config: Config,
    clock: Clock,
    scope: tuple[str, ...],
    assumed: Assumptions,
    round_trip: float,
    stamp: str,
) -> Assessment:
    from nplus1_lint.cost import appraise
    from nplus1_lint.cost.savings import Savings
    from nplus1_lint.indexes import tabulate as tabulate_indexes
    from nplus1_lint.infer import infer
    from nplus1_lint.judged import gather
    from nplus1_lint.loads import tabulate
    from nplus1_lint.pipeline import Scan
    from nplus1_lint.rules import find_suspects

    with clock("infer"):
        analysis = infer(front.project, counts=True)
    with clock("rules"):
        judged = gather(front, analysis, find_suspects(analysis))
    scan = Scan(judged, front.found, front.index.contents, front.names, config, clock)
    report = scan.outcome().report
    with clock("loads"):
        matrix = tabulate(analysis, front.reported, front.names.shown)
    with clock("cost"):
        entries = appraise(analysis, front.reported, front.names.shown)
        changes = _Changes(front, analysis, Savings(analysis, front.reported), entries, matrix)
        remedies = tuple(changes.remedies(report.findings))
        estimates = changes.estimates(remedies)
        plan = tuple(changes.plan(remedies, assumed))
    indexes = tabulate_indexes(analysis, front.names.shown)
    functions = tuple(entry for entry in entries if entry.route is None and entry.polynomial.terms)
    return Assessment(scope, report, estimates, functions, matrix, indexes, remedies, plan, assumed, round_trip, stamp)


class _Changes:
    """What remedies change in the formulas of the endpoints.

    Args:
        front: the project.
        analysis: its facts, with costs.
        savings: the endpoints' formulas.
        entries: the costs of all functions.
        matrix: what the mapping loads.
    """

    def __init__(
        self,
        front: Front,
        analysis: Analysis,
        savings: Savings,
        entries: Sequence[CostEntry],
        matrix: LoadMatrix,
    ) -> None:
        self._located = front.names.located
        self._savings = savings
        self._matrix = matrix
        self._queries: dict[tuple[str, int, int], list[tuple[str, QueryLoad]]] = {}
        for row in matrix.relationships:
            for cell in row.cells:
                for query in cell.queries:
                    place = (query.path, query.line, query.column)
                    self._queries.setdefault(place, []).append((row.label, query))
        self._routers = {router.name: self._located(router.path) for router in matrix.routers}
        by_place: dict[tuple[str, int, str], list[CostEntry]] = {}
        for entry in entries:
            if entry.route is not None:
                by_place.setdefault((entry.path, entry.line, entry.function), []).append(entry)
        self._entries: list[tuple[CostEntry, ...]] = []
        for run in savings.runs:
            path, line = front.names.shown(run.definition.path), run.definition.facts.pos[0]
            name = analysis.function_name(run.definition.id)
            self._entries.append(tuple(by_place.get((path, line, name), ())))

    def remedies(self, findings: Sequence[Finding]) -> Iterator[Remedy]:
        """Yield what mends the findings: one change each, or one per relationship whose strategy is at fault."""
        rows = {(row.path, row.label): row for row in self._matrix.relationships}
        wasted: dict[tuple[str, str], list[Finding]] = {}
        for finding in findings:
            kind = kind_of(finding)
            key = (finding.path, finding.message.partition(" ")[0])
            if finding.code == "NP201" and key in rows:
                wasted.setdefault(key, []).append(finding)
            elif kind is not None and finding.code != "NP203":
                yield self._measured(Remedy(kind, (finding,)))
        for key, group in wasted.items():
            yield self._measured(Remedy(Kind.LOADING, tuple(group), relationship=rows[key]))

    def _measured(self, remedy: Remedy) -> Remedy:
        relief = self._relief(remedy)
        after = self._savings.after(relief) if relief is not None else ()
        gains = (
            Gain(entry, formula)
            for entries, formula in zip(self._entries, after, strict=False)
            for entry in entries
            if formula != entry.polynomial
        )
        return Remedy(remedy.kind, remedy.findings, tuple(gains), remedy.relationship)

    def _relief(self, remedy: Remedy) -> Relief | None:
        """What it does to formulas; None for what sends as many statements as before, or where that is not known."""
        from nplus1_lint.cost.savings import Relief

        first = remedy.first
        place = (self._located(first.path), first.span.line, first.span.column)
        if remedy.relationship is not None:
            return Relief(unloaded=self._unloaded(remedy.relationship))
        if first.code == "NP304":
            return Relief(gone=frozenset([place]))
        if first.suggestion is not None and (first.code.startswith("NP1") or first.code == "NP305"):
            return Relief(once=frozenset([place]))
        return None

    def _unloaded(self, row: RelationshipLoads) -> Mapping[str, frozenset[tuple[str, int, str]]]:
        """The loads that go with a relationship that is not loaded where nobody reads it: its own, and those below."""
        if row.change.action is Action.KEEP:
            return {}
        found: dict[str, set[tuple[str, int, str]]] = {}
        for cell in row.cells:
            for query in cell.queries if cell.use is Use.WASTED else ():
                gone = found.setdefault(self._routers[cell.router], set())
                gone |= {(self._located(query.path), query.line, label) for label in self._below(row, query)}
        return {router: frozenset(gone) for router, gone in found.items()}

    def _below(self, row: RelationshipLoads, query: QueryLoad) -> Iterator[str]:
        """A relationship, and those that one query loads by way of it alone."""
        yield row.label
        own = tuple(f"{way}." for way in query.ways)
        for label, other in self._queries[query.path, query.line, query.column]:
            if all(way.startswith(own) for way in other.ways):
                yield label

    def _together(self, remedies: Sequence[Remedy]) -> tuple[Polynomial, ...]:
        from nplus1_lint.cost.savings import Relief

        return self._savings.after(Relief.of(r for r in map(self._relief, remedies) if r is not None))

    def _per_entry(self, formulas: Sequence[Polynomial]) -> tuple[Polynomial, ...]:
        """Formulas of handlers as those of endpoints: a handler may answer several routes."""
        pairs = zip(self._entries, formulas, strict=True)
        return tuple(formula for entries, formula in pairs for _ in entries)

    def estimates(self, remedies: Sequence[Remedy]) -> tuple[Estimate, ...]:
        """Return the endpoints with and without the changes."""
        looped = self._per_entry(self._together([one for one in remedies if one.kind is not Kind.LOADING]))
        lean = self._per_entry(self._together(remedies))
        entries = (entry for group in self._entries for entry in group)
        return tuple(Estimate(*found) for found in zip(entries, looped, lean, strict=True))

    def plan(self, remedies: Sequence[Remedy], assumed: Assumptions) -> Iterator[PlanStep]:
        """Yield the steps: each time what gains most for its effort then; what is information only is in none."""
        due = [one for one in remedies if one.severity > Severity.INFO]
        steps = []
        for kind in Kind:
            ranked = worthiest((one for one in due if one.kind is kind), assumed)
            if ranked:
                steps.append(PlanStep(kind, ranked, self._per_entry(self._together(ranked)), ()))

        def left(formulas: Sequence[Polynomial]) -> int:
            return sum(map(assumed.statements, formulas))

        now = sum(assumed.statements(entry.polynomial) for group in self._entries for entry in group)
        done: list[Remedy] = []
        while steps:
            ways = [replace(one, remaining=self._per_entry(self._together([*done, *one.remedies]))) for one in steps]
            best = max(ways, key=lambda one: (now - left(one.remaining)) / one.effort)
            yield best
            done += best.remedies
            now = left(best.remaining)
            steps = [one for one in steps if one.kind is not best.kind]
