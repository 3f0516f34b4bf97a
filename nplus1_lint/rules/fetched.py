"""What the rules about fetched rows share: which of them a use of rows concerns, and the suspect."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from nplus1_lint.findings import Confidence, FetchPlan, Pos, Severity, Step, Suspect
from nplus1_lint.infer.purposes import How, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.consumers import Fetched
    from nplus1_lint.infer.purposes import Use

_MAX_STEPS = 8
_SAID = {
    How.LEN: "only the number of rows is used here",
    How.TRUTH: "asks only whether there is a row",
    How.FIRST: "takes one row",
    How.SLICE: "takes a part of the rows",
    How.FILTER: "chooses among the rows",
    How.AGGREGATE: "computes one value from the rows",
    How.SORT: "sorts the rows",
    How.POSITION: "looks for the position of a row",
    How.PASS: "chooses among the rows in a function",
    How.ROWS: "uses the rows",
}


class Verdict(enum.Enum):
    """What the database could compute in place of the code."""

    NUMBER = "number"
    EXISTENCE = "existence"
    ONE = "one"
    PART = "part"
    FILTER = "filter"
    AGGREGATE = "aggregate"
    ORDER = "order"


def verdict(found: Fetched) -> Verdict | None:
    """Return what the uses of fetched rows come to, or None when the rows themselves are needed."""
    kinds = {use.how for use in found.uses}
    if found.shape in (Shape.ONE, Shape.COUNT):
        return Verdict.EXISTENCE if kinds == {How.TRUTH} else None
    if How.MIXED in kinds:
        return None
    if kinds <= {How.LEN, How.TRUTH}:
        return Verdict.NUMBER if How.LEN in kinds else Verdict.EXISTENCE
    if any(use.detail == "one" for use in found.uses):
        return None
    if "unique" in found.flags:
        return None  # at most one row
    if How.ROWS in kinds:
        return _replaced(found) or _ordered(found)
    if How.SLICE in kinds:
        return _part(found)
    if How.FIRST in kinds:
        one = len({use.detail for use in found.uses if use.how is How.FIRST}) == 1
        return Verdict.ONE if one and found.direct and kinds <= {How.FIRST, How.TRUTH, How.SORT} else None
    filters = [use for use in found.uses if use.how is How.FILTER]
    if filters and kinds <= {How.FILTER, How.LEN, How.TRUTH, How.AGGREGATE}:
        return Verdict.FILTER if len(filters) == 1 else None
    if How.AGGREGATE in kinds and kinds <= {How.AGGREGATE, How.LEN, How.TRUTH}:
        return Verdict.AGGREGATE
    return _ordered(found)


def _replaced(found: Fetched) -> Verdict | None:
    """Rows that a filter replaces under their own name before anything else is done with them."""
    filters = [use for use in found.uses if use.how is How.FILTER]
    if len(filters) != 1 or not filters[0].again:
        return None
    rest = [use for use in found.uses if use is not filters[0]]
    return Verdict.FILTER if all(use.line > filters[0].line for use in rest) else None


def _part(found: Fetched) -> Verdict | None:
    """One page of all rows, whatever finds its bounds."""
    allowed = {How.SLICE, How.LEN, How.TRUTH, How.POSITION, How.PASS, How.SORT, How.FILTER}
    others = [use for use in found.uses if use.how in (How.SLICE, How.FILTER) and not use.again]
    return Verdict.PART if {use.how for use in found.uses} <= allowed and len(others) <= 1 else None


def _ordered(found: Fetched) -> Verdict | None:
    """All rows in an order that the query could have given them: nothing has been done with them before."""
    sorts = [use for use in found.uses if use.how is How.SORT]
    rest = [use for use in found.uses if use.how is not How.SORT]
    if len({use.detail for use in sorts}) != 1 or not found.direct:
        return None
    if {use.how for use in rest} <= {How.ROWS, How.LEN, How.TRUTH}:
        if all(use.line > sorts[0].line for use in rest if use.how is How.ROWS):
            return Verdict.ORDER
    return None


def is_one(found: Fetched) -> bool:
    """True if a single row is fetched."""
    return found.shape is Shape.ONE or (bool(found.uses) and all(use.detail == "one" for use in found.uses))


def of_verdict(analysis: Analysis, *verdicts: Verdict) -> Iterator[tuple[Fetched, Verdict]]:
    """Yield the expressions that fetch whose uses come to one of some verdicts."""
    for found in analysis.fetched:
        one = verdict(found)
        if one in verdicts and one is not None:
            yield found, one


def rows_of(analysis: Analysis, found: Fetched) -> str:
    """Name the rows: ``Team rows``, or ``rows`` when they are of several classes or of columns."""
    names = {analysis.project.models[model].name for model in found.models}
    return f"{names.pop()} rows" if len(names) == 1 else "rows"


def fetch_plan(analysis: Analysis, found: Fetched, what: str) -> FetchPlan | None:
    """Return what the rewriter needs to fetch less, or None for a query that stands elsewhere or locks its rows."""
    model = analysis.project.models.get(found.models[0]) if len(found.models) == 1 else None
    if model is None or not found.direct or "for_update" in found.flags or not model.primary_key:
        return None
    return FetchPlan(what, model.primary_key[0])


def suspect(
    code: str,
    analysis: Analysis,
    found: Fetched,
    message: str,
    severity: Severity,
    advice: str,
    plan: FetchPlan | None = None,
) -> Suspect:
    """Build the suspect of one expression that fetches."""
    return Suspect(
        code=code,
        path=found.path,
        pos=Pos(*found.place),
        node=found.node,
        scope=Pos(*found.scope),
        function=analysis.function_name(found.function),
        message=message,
        severity=severity,
        confidence=Confidence.HIGH if found.direct else Confidence.MEDIUM,
        evidence=tuple(_steps(analysis, found))[:_MAX_STEPS],
        plan=plan,
        advice=advice,
    )


def _steps(analysis: Analysis, found: Fetched) -> Iterator[Step]:
    if not found.direct:
        for site in found.sites:
            yield Step(analysis.path_of(site), site.place[0], "the query")
    uses: list[Use] = sorted(found.uses, key=lambda use: (use.line, use.how.value))
    counted = {use.line for use in uses if use.how is How.LEN}
    for use in uses:
        if use.how is not How.TRUTH or use.line not in counted:  # a number that is asked for its truth is a number
            yield Step(found.path, use.line, _SAID[use.how])
