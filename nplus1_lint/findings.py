"""What travels between the stages after inference: suspects, findings and what they are made of.

This is the bottom layer: it imports nothing from the package.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple


class Severity(enum.IntEnum):
    """How much a finding matters; greater is worse."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()


class Confidence(enum.IntEnum):
    """How sure the analysis is; ``LOW`` is hidden unless asked for."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    def __str__(self) -> str:
        return self.name.lower()


class Applicability(enum.Enum):
    """What may be done with a suggestion: the words are Ruff's.

    SAFE: applied by ``--fix``; the program does the same afterwards, with fewer or cheaper statements.
    UNSAFE: applied with ``--unsafe-fixes`` only; the suggestion names what may differ.
    DISPLAY: shown, never applied.
    """

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


class Pos(NamedTuple):
    """A node's place as `ast` gives it.

    Lines count from 1; columns count from 0 in UTF-8 bytes, the end is exclusive.
    """

    line: int
    column: int
    end_line: int
    end_column: int

    def contains(self, other: Pos) -> bool:
        """True if *other* lies inside this place (or is equal to it)."""
        return (self.line, self.column) <= (other.line, other.column) and (
            other.end_line,
            other.end_column,
        ) <= (self.end_line, self.end_column)


class Span(NamedTuple):
    """A node's place as reports print it: lines and columns count from 1, in characters."""

    line: int
    column: int
    end_line: int
    end_column: int


class NodeKind(enum.Enum):
    """The syntax a suspect stands on; the visitor refuses any other."""

    CALL = "call"
    ATTRIBUTE = "attribute"
    LOOP = "loop"
    NAME = "name"
    SUBSCRIPT = "subscript"


@dataclass(frozen=True, slots=True)
class Step:
    """One place on the way from the loop to the cost.

    Attributes:
        path: project path, forward slashes.
        line: counts from 1.
        message: a short sentence without a full stop.
    """

    path: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Key:
    """A criterion ``model.column == value`` that ties a query to the loop.

    Attributes:
        column: the mapped attribute's name.
        value: where the compared value stands in the suspect's file.
        nullable: rows may hold NULL there and the value may be None, which ``==`` finds and ``IN`` does not.
        refers: the attribute of the value that the column holds, where the value is a row; empty where it is the value
            itself; None where the criterion names a relationship that is not held by one column.
        text: the value may be text where the column holds UUIDs: equal for the database, not for Python.
        integer: the column holds integers, which equal no text either.
    """

    column: str
    value: Pos
    nullable: bool = False
    refers: str | None = ""
    text: bool = False
    integer: bool = False


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What the rewriter needs to lift a query out of its loop.

    Attributes:
        loop: the loop statement or comprehension.
        iterable: the expression it iterates, or None for ``while``.
        model: the mapped class' name as the code writes it.
        keys: the criteria that depend on the loop, in the order of the code.
        aggregate: ``count``, ``sum``, ``min``, ``max``, ``avg``, ``exists``, or None for rows.
        session: where the session expression stands.
        style: ``query`` for ``session.query(M)``, ``legacy-flask`` for ``M.query``, ``select`` for 2.0 style.
        is_async: the session is an ``AsyncSession``.
        primary_key: the model's primary-key attribute, used for a nullable-safe count.
        unique: the keys select at most one row.
        unread: where its loader options name relationships that the loop does not read.
        writes: the loop may add, delete or update rows of the class, or set what the keys are compared with.
    """

    loop: Pos
    iterable: Pos | None
    model: str
    keys: tuple[Key, ...]
    aggregate: str | None
    session: Pos | None
    style: str
    is_async: bool
    primary_key: str | None
    unique: bool
    unread: tuple[Pos, ...] = ()
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a chain of loader options: ``.joinedload(Hero.team)``.

    Attributes:
        strategy: the option's name.
        model: the class as the query's file writes it, ``Hero`` or ``models.Hero``.
        attribute: the relationship or column.
        module: the absolute name of the module from which the file must import the class; empty when it knows it.
    """

    strategy: str
    model: str
    attribute: str
    module: str


@dataclass(frozen=True, slots=True)
class LoadingQuery:
    """A query that loads a relationship, and the ways by which it does.

    Attributes:
        path: project path, forward slashes.
        place: the executing call.
        ways: for each way from a class that it asks for to the relationship, class and attribute step by step.
        asking_for: names of the classes that take the option, where the same call asks for others at times; else empty.
        takes_options: a loader option can be given there; not so where rows are reloaded, or loaded by a read.
        hops: the ways as options that change nothing; None for a way of which the query's file cannot write a class.
    """

    path: str
    place: Pos
    ways: tuple[tuple[tuple[str, str], ...], ...]
    asking_for: tuple[str, ...] = ()
    takes_options: bool = True
    hops: tuple[tuple[Hop, ...] | None, ...] = ()

    def options(self, loader: str) -> str:
        """Write the options that load the relationship in another way, whatever leads to it staying as it is.

        Args:
            loader: SQLAlchemy's name of the option.

        Returns:
            ``defaultload(Project.artifacts).selectinload(Artifact.tags)``.
        """
        return ", ".join(sorted({_chained(loader, way) for way in self.ways}))


def _chained(loader: str, way: tuple[tuple[str, str], ...]) -> str:
    names = ["defaultload"] * (len(way) - 1) + [loader]
    return ".".join(f"{name}({model}.{attribute})" for name, (model, attribute) in zip(names, way, strict=True))


@dataclass(frozen=True, slots=True)
class LoaderPlan:
    """What the rewriter needs to change a mapping-level loader strategy.

    Attributes:
        model: the class that declares the relationship.
        relationship: its attribute.
        lazy: the strategy of today, as written (``selectin``, ``joined``, …).
        router: project path of the router that never reads it.
        readers: the queries whose rows are read for the relationship.
        wasters: the queries of the router that load it for nothing.
        unsure: the queries whose rows go where a read cannot be followed.
    """

    model: str
    relationship: str
    lazy: str
    router: str
    readers: tuple[LoadingQuery, ...]
    wasters: tuple[LoadingQuery, ...]
    unsure: tuple[LoadingQuery, ...] = ()


@dataclass(frozen=True, slots=True)
class OptionPlace:
    """A query whose rows need loader options.

    Attributes:
        path: project path of the query's file.
        pos: the executing call, or the query that a loop iterates.
        chains: the options, each from the query's entity to what is read.
    """

    path: str
    pos: Pos
    chains: tuple[tuple[Hop, ...], ...]


@dataclass(frozen=True, slots=True)
class OptionsPlan:
    """What the rewriter needs to add loader options to the queries that made some rows.

    Attributes:
        places: each query that feeds the reads.
        shared: the query stands in another function than the loop, so that other callers load the same.
        changes: the function changes or commits rows, so that a read per row may see what the query did not.
    """

    places: tuple[OptionPlace, ...]
    shared: bool
    changes: bool


@dataclass(frozen=True, slots=True)
class ForeignKeyPlan:
    """What the rewriter needs to read a row's own foreign key instead of the key of the row that it refers to.

    Attributes:
        loop: the loop statement or comprehension.
        reads: the reads of the relationship, ``hero.team`` in ``hero.team.id``, in one function; of several on the same
            name perhaps the first alone.
        referred: the attribute that must be read of what it gives.
        column: the row's attribute that holds the same value.
        behaviour: what the program may do differently afterwards; empty where it does the same.
        otherwise: the loader options to add where a read is of another kind.
    """

    loop: Pos
    reads: tuple[Pos, ...]
    referred: str
    column: str
    behaviour: str
    otherwise: OptionsPlan | None


@dataclass(frozen=True, slots=True)
class Callee:
    """A function of the project that queries for its argument, itself or through others.

    Attributes:
        path: project path of its file.
        pos: its definition, decorators left out.
        name: its name.
        steps: what in it queries for its argument, in the order of the code.
        others: where else it sends a statement, itself or through a call, and what (``SELECT``, ``COMMIT``, …).
        imports: the files through which the call names it, from the caller's on, each with the absolute module from
            which it imports the name (None for ``*``); none for methods and functions of the caller's own file.
    """

    path: str
    pos: Pos
    name: str
    steps: tuple[CalleeStep, ...]
    others: tuple[tuple[Pos, str], ...]
    imports: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class CalleeStep:
    """A query in a function, or a call that leads to one.

    Attributes:
        pos: the call.
        query: the query, its loop the function; None for a call.
        callee: what is called; None for a query.
    """

    pos: Pos
    query: BatchPlan | None
    callee: Callee | None


@dataclass(frozen=True, slots=True)
class CalleePlan:
    """What the rewriter needs to call a batch variant of a function before a loop.

    Attributes:
        loop: the loop statement or comprehension.
        callee: the function that the loop calls.
        changes: the loop changes rows of a class that the function queries.
        cascades: to delete a row of such a class reads its relationships.
        rows: the loop's items are rows that can be keys of a dictionary.
        followed: the loop sends further statements behind the call.
    """

    loop: Pos
    callee: Callee
    changes: bool
    cascades: bool
    rows: bool
    followed: bool


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """What the rewriter needs to move something out of a loop.

    Attributes:
        loop: the loop statement or comprehension.
        what: ``commit``, ``write``, ``query``, ``refresh`` or ``expired``.
        others: the loop sends other statements as well.
    """

    loop: Pos
    what: str
    others: bool


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """What the rewriter needs to change loader options, or how the result that they give is taken.

    Attributes:
        what: ``unique``, ``drop``, or the name of the option to put in their place.
        options: project path and place of each relationship as the options name it.
        behaviour: what the program may do differently afterwards, for a change that is more than safe.
    """

    what: str
    options: tuple[tuple[str, Pos], ...]
    behaviour: str = ""


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What the rewriter needs to fetch less than whole rows.

    Attributes:
        what: ``number``, ``existence``, or ``first`` for one row of an ordered select.
        key: an attribute of the rows' primary key.
    """

    what: str
    key: str


Plan = BatchPlan | LoaderPlan | OptionsPlan | ForeignKeyPlan | CalleePlan | LoopPlan | StrategyPlan | FetchPlan


@dataclass(frozen=True, slots=True)
class Suspect:
    """What a rule hands to the flag stage: where to look and what was concluded.

    Attributes:
        code: the rule's code.
        path: project path of the file, forward slashes.
        pos: the exact node.
        node: the kind of syntax that must stand there.
        scope: the smallest enclosing loop, function or class statement; the visitor reads these lines only.
        function: qualified name of the function (or class, for a declaration) around it.
        message: one sentence for the reader.
        severity: how much it matters here.
        confidence: how sure the analysis is.
        evidence: loop, calls on the way, query, relationship: in the order in which execution meets them.
        plan: what the rewriter needs, or None when the rule has no rewrite for this case.
        advice: prose that stands in for a rewrite, or an empty string.
        also_in: further project paths for whose sake it is reported (NP201: the router's file).
        discriminator: a further part of the fingerprint (NP201: the router).
        one_of_many: it concerns several places and stands on the first; code and discriminator tell it from others.
    """

    code: str
    path: str
    pos: Pos
    node: NodeKind
    scope: Pos
    function: str
    message: str
    severity: Severity
    confidence: Confidence
    evidence: tuple[Step, ...]
    plan: Plan | None = None
    advice: str = ""
    also_in: tuple[str, ...] = ()
    discriminator: str = ""
    one_of_many: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """Text to put in the place of some characters of a file.

    Attributes:
        start: where the replaced characters begin in the file's decoded text (a byte order mark left out, line ends as
            they stand), counting from 0.
        end: one past the last of them; equal to *start* for an insertion.
        text: what stands there afterwards.
    """

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a rewrite changes in one file.

    Attributes:
        path: project path, forward slashes; never renamed for the reader.
        edits: none of which overlaps another.
        imports: what the new code needs, as ``from MODULE import NAME[, NAME]``, one line per module. They are apart
            from the edits, so that two rewrites of a file that need the same name import it once.
    """

    path: str
    edits: tuple[Edit, ...]
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rewrite as the reader sees it, and as it is applied.

    Attributes:
        title: one line, imperative.
        code: the rewritten code, or an empty string when only the title speaks.
        applicability: whether a machine may apply it.
        diff: a unified diff for ``git apply`` in the project's root, or an empty string when there is none.
        behaviour: what the program may do differently afterwards; empty unless *applicability* is ``UNSAFE``.
        changes: what *diff* shows, by file in the order of the paths; empty when only words speak.
    """

    title: str
    code: str
    applicability: Applicability
    diff: str = ""
    behaviour: str = ""
    changes: tuple[FileChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """Query counts as formulas, before and after the suggestion."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A confirmed suspect, ready to print. Ordered and fingerprinted by the flag stage."""

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    path: str
    span: Span
    function: str
    message: str
    evidence: tuple[Step, ...]
    suggestion: Suggestion | None
    fingerprint: str
    cost: Cost | None = None
    suppressed_by: str | None = None
    also_in: tuple[str, ...] = ()

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """The order of every report: path, line, column, code, then fingerprint for equals."""
        return (self.path, self.span.line, self.span.column, self.code, self.fingerprint)


@dataclass(frozen=True, slots=True)
class ScanError:
    """A file that could not be read or parsed (NP902).

    Attributes:
        path: project path.
        line: where the parser stopped, counting from 1.
        message: a sentence that names what is wrong.
    """

    path: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts for the last line of a report."""

    files: int
    functions: int
    models: int
    findings: int
    suppressed: int


@dataclass(frozen=True, slots=True)
class Report:
    """All a writer needs; equal input gives an equal report.

    Attributes:
        findings: shown findings, in report order.
        suppressed: findings silenced by a comment, in report order.
        errors: NP902 entries by path.
        summary: counts.
        sources: text of each file that carries a finding, for code frames.
        timings: seconds per stage; never part of a machine-readable report.
    """

    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    errors: tuple[ScanError, ...]
    summary: Summary
    sources: dict[str, str] = field(default_factory=dict, compare=False)
    timings: dict[str, float] = field(default_factory=dict, compare=False)


class InternalError(Exception):
    """The linter contradicts itself (a suspect that the visitor cannot find again): exit code 2, never silence."""
