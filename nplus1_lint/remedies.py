"""What the performance analysis is made from: findings as remedies with their gains, endpoints, loads and indexes.

Paths are named from the working directory.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from nplus1_lint.findings import Applicability, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.findings import Finding, Report
    from nplus1_lint.load_matrix import LoadMatrix, RelationshipLoads
    from nplus1_lint.query_costs import Assumptions, CostEntry, Polynomial


class Kind(str, Enum):
    """What a remedy does; remedies of a kind make one step of the plan."""

    COUNTS = "counts"
    LOOPS = "loops"
    WRITES = "writes"
    LOADING = "loading"
    FETCHING = "fetching"
    INDEXES = "indexes"
    STORED = "stored"


_KINDS: Final = {
    "NP101": Kind.COUNTS,
    "NP106": Kind.WRITES,
    "NP107": Kind.WRITES,
    "NP108": Kind.WRITES,
    "NP204": Kind.FETCHING,
    "NP205": Kind.FETCHING,
    "NP401": Kind.INDEXES,
    "NP402": Kind.STORED,
}
_FAMILIES: Final = {"NP1": Kind.LOOPS, "NP2": Kind.LOADING, "NP3": Kind.FETCHING, "NP5": Kind.LOOPS}


def kind_of(finding: Finding) -> Kind | None:
    """Return what mends a finding; None for what no change of a query mends."""
    if finding.code == "NP105" and finding.evidence and finding.evidence[-1].message.startswith("COUNT "):
        return Kind.COUNTS
    return _KINDS.get(finding.code) or _FAMILIES.get(finding.code[:3])


@dataclass(frozen=True, slots=True)
class Gain:
    """What a remedy saves for an endpoint, by itself.

    Attributes:
        entry: the endpoint as it is.
        after: its formula with the remedy.
    """

    entry: CostEntry
    after: Polynomial

    def saved(self, assumed: Assumptions) -> int:
        """Return how many statements of one request it saves."""
        return assumed.statements(self.entry.polynomial) - assumed.statements(self.after)


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change of the code.

    Attributes:
        kind: what it does.
        findings: what it mends, by place; several only where one declaration is at fault for several routers.
        gains: the endpoints that send fewer statements with it.
        relationship: whose strategy it changes.
    """

    kind: Kind
    findings: tuple[Finding, ...]
    gains: tuple[Gain, ...] = ()
    relationship: RelationshipLoads | None = None

    @property
    def first(self) -> Finding:
        """The finding that stands for all."""
        return self.findings[0]

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return max(finding.severity for finding in self.findings)

    @property
    def effort(self) -> int:
        """How much work it is: 1 where ``--fix`` does it, 2 to read a diff, more for what is written by hand."""
        suggestion = self.first.suggestion
        if self.relationship is not None:
            change = self.relationship.change
            written = suggestion is not None and bool(suggestion.diff)  # the diff gives the queries their options
            return min(8, 2 + len(change.without_options) + (0 if written else len(change.options)))
        if self.kind is Kind.STORED:
            return 6
        if suggestion is None:
            return 5
        if suggestion.applicability is Applicability.SAFE:
            return 1
        if suggestion.diff:
            return 2
        return 3 if suggestion.code else 4

    def saved(self, assumed: Assumptions) -> int:
        """Return how many statements it saves when each endpoint answers once."""
        return sum(gain.saved(assumed) for gain in self.gains)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An endpoint with and without the suggested changes.

    Attributes:
        entry: as it is.
        looped: its formula with its loops mended.
        lean: with the eager loads gone too that nobody reads.
    """

    entry: CostEntry
    looped: Polynomial
    lean: Polynomial


@dataclass(frozen=True, slots=True)
class PlanStep:
    """Remedies of one kind, carried out together.

    Attributes:
        remedies: those with the most gain for the effort first.
        alone: the endpoints' formulas with this step.
        remaining: the same with this step and all before it.
    """

    kind: Kind
    remedies: tuple[Remedy, ...]
    alone: tuple[Polynomial, ...]
    remaining: tuple[Polynomial, ...]

    @property
    def effort(self) -> int:
        """How much work it is."""
        return sum(one.effort for one in self.remedies)


@dataclass(frozen=True, slots=True)
class IndexUse:
    """An index, key or unique constraint.

    Attributes:
        name: as declared, or what it is.
        columns: in order.
        queries: how many places with queries it serves.
        covered_by: the name of another one of the table that begins with all its columns; empty if there is none.
    """

    table: str
    name: str
    columns: tuple[str, ...]
    path: str
    line: int
    queries: int
    covered_by: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """All that the analysis tells.

    Attributes:
        scope: the paths that were read.
        report: the findings.
        estimates: the endpoints, by place.
        functions: the costs of those that answer no route.
        matrix: what the mapping loads, and for whom.
        indexes: by table and columns.
        remedies: by kind and place.
        plan: the steps, each the one with the most gain for its effort after those before it.
        assumed: sizes.
        round_trip: milliseconds from a statement to its answer.
        stamp: when and by what it was made; empty unless asked for.
    """

    scope: tuple[str, ...]
    report: Report
    estimates: tuple[Estimate, ...]
    functions: tuple[CostEntry, ...]
    matrix: LoadMatrix
    indexes: tuple[IndexUse, ...]
    remedies: tuple[Remedy, ...]
    plan: tuple[PlanStep, ...]
    assumed: Assumptions
    round_trip: float
    stamp: str = ""


def worthiest(remedies: Iterable[Remedy], assumed: Assumptions) -> tuple[Remedy, ...]:
    """Return remedies by falling gain for the effort; then the severer, the easier, and those that stand first."""
    return tuple(
        sorted(
            remedies,
            key=lambda one: (-one.saved(assumed) / one.effort, -one.severity, one.effort, one.first.sort_key),
        )
    )
