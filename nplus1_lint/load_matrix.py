"""What ``loads`` says of a project: which relationships the mapping loads for which routers, and who reads them.

Places are named from the working directory; the texts are ready to print.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nplus1_lint.findings import Step


class Use(str, Enum):
    """What becomes of rows that the mapping loads.

    READ: they are read.
    MAYBE: nobody is seen to read them, and the rows that carry them go where reads cannot be followed.
    WASTED: all ways are known, and nobody reads them.
    """

    READ = "read"
    MAYBE = "maybe"
    WASTED = "wasted"


class Action(str, Enum):
    """How to waste less, at the least expense.

    KEEP: the mapping is right as it is.
    SELECT: ``lazy="select"`` on the mapping; no query needs an option.
    SELECT_AND_OPTIONS: the same, and an option in the queries whose rows are read.
    OVERRIDE: the mapping stays, and queries that waste it turn it off with ``lazyload``.
    """

    KEEP = "keep"
    SELECT = "select"
    SELECT_AND_OPTIONS = "select-and-options"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class Cost:
    """What eager loading adds to a query, at the most: no statement runs for an empty set of rows.

    Attributes:
        statements: statements, whatever the number of rows (``selectin`` sends one per 500 rows).
        per_row: statements for each row, of ``lazy="immediate"`` and of ``"subquery"`` below it.
        joins: tables that are joined to statements which run in any case.
    """

    statements: int = 0
    per_row: int = 0
    joins: int = 0


@dataclass(frozen=True, slots=True)
class QueryLoad:
    """A query that loads a relationship.

    Attributes:
        line: of the executing call; it counts from 1, as *column* does.
        function: qualified name of the function around it.
        ways: from the class that it asks for to the relationship: ``Project.artifacts.tags``.
    """

    path: str
    line: int
    column: int
    function: str
    ways: tuple[str, ...]
    use: Use


@dataclass(frozen=True, slots=True)
class Cell:
    """A relationship in a router that loads it.

    Attributes:
        router: name of the router.
        use: the best that becomes of it there: read by one query is read.
        queries: the queries that load it, by place.
    """

    router: str
    use: Use
    queries: tuple[QueryLoad, ...]

    def count(self, use: Use) -> int:
        """Return for how many of the queries this becomes of it."""
        return sum(query.use is use for query in self.queries)


@dataclass(frozen=True, slots=True)
class Change:
    """The cheapest change for a relationship.

    Attributes:
        title: what to do and why, as a sentence without a full stop.
        options: queries to be given a loader option; the message is the option.
        without_options: places that need the rows (or waste them) and take no option; the message says what holds.
    """

    action: Action
    title: str
    options: tuple[Step, ...] = ()
    without_options: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class RelationshipLoads:
    """A row of the matrix.

    Attributes:
        model: name of the class that declares it.
        name: its attribute.
        path: where it is declared.
        lazy: the strategy, by SQLAlchemy's name.
        adds: what it adds to a query for its class as mapped, with all that its rows load in turn.
        cells: the routers that load it, in the order of the matrix; the others do not.
    """

    model: str
    name: str
    path: str
    line: int
    lazy: str
    adds: Cost
    cells: tuple[Cell, ...]
    change: Change

    @property
    def label(self) -> str:
        """Class and attribute."""
        return f"{self.model}.{self.name}"

    def count(self, use: Use) -> int:
        """Return in how many routers this becomes of it."""
        return sum(cell.use is use for cell in self.cells)


@dataclass(frozen=True, slots=True)
class RouterQuery:
    """What the mapping adds to one query of a router, over all relationships.

    Attributes:
        line: of the executing call; it counts from 1, as *column* does.
        function: qualified name of the function around it.
        adds: all of it.
        wasted: the part that nobody reads.
        maybe: the part whose reads cannot be followed.
    """

    path: str
    line: int
    column: int
    function: str
    adds: Cost
    wasted: Cost
    maybe: Cost


@dataclass(frozen=True, slots=True)
class Router:
    """A column of the matrix.

    Attributes:
        path: its file.
        name: the shortest end of the path that no other column has; a column has it alone.
        is_router: it holds route handlers; else it is a module whose queries no router reaches.
        queries: those that load anything by the mapping, by place.
    """

    path: str
    name: str
    is_router: bool
    queries: tuple[RouterQuery, ...]


@dataclass(frozen=True, slots=True)
class LoadMatrix:
    """Relationships by routers.

    Attributes:
        relationships: in the order of their declarations.
        routers: those that load any of them; routers first, then other modules, by path.
        idle: paths of routers that load nothing by the mapping.
    """

    relationships: tuple[RelationshipLoads, ...]
    routers: tuple[Router, ...]
    idle: tuple[str, ...]
