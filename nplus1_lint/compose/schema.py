"""Indexes, and what caches and stored columns would take from the queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.analysis_report import (
    Badge,
    Bullets,
    Cell,
    Column,
    Line,
    Link,
    Listing,
    Paragraph,
    Section,
    Table,
    Tone,
    prose,
)
from nplus1_lint.compose.loading import details
from nplus1_lint.compose.repetition import evidence
from nplus1_lint.compose.words import advice, anchor, code, count, link, place, plural, severity, text
from nplus1_lint.remedies import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.analysis_report import Block
    from nplus1_lint.findings import Finding
    from nplus1_lint.remedies import Assessment, IndexUse

_INDEX: Final = "Index("


def indexes(assessment: Assessment) -> Section:
    """Write the section on indexes: good, missing, composite, and those that no query was seen to use."""
    missing = [one for one in assessment.report.findings if one.code == "NP401"]
    good = [one for one in assessment.indexes if one.queries]
    idle = [one for one in assessment.indexes if not one.queries]
    sections = [
        _table("Good: indexes that serve queries", "indexes-good", good, "No index was seen to serve a query."),
        _missing(missing, assessment),
        _composite(good, missing),
    ]
    if idle:
        sections.append(
            _table(
                "Indexes that no query was seen to use",
                "indexes-idle",
                idle,
                "",
                "They may serve SQL text, the other end of a foreign key, or keep values unique; else they cost on "
                "every write for nothing.",
            )
        )
    intro = (
        f"{plural(len(good), 'index, key or unique constraint', 'indexes, keys and unique constraints')} of models and "
        f"migrations serve queries, {plural(len(idle), 'is', 'are')} not seen to; "
        f"{plural(len(missing), 'column is', 'columns are')} searched without one.",
    )
    return Section(("Indexes",), "indexes", (Paragraph(intro),), tuple(sections))


def _table(title: str, anchor: str, found: Sequence[IndexUse], none: str, intro: str = "") -> Section:
    if not found:
        return Section((title,), anchor, (Paragraph((none,)),))
    columns = (
        Column("table"),
        Column("columns"),
        Column("name"),
        Column("declared at"),
        Column("queries", numeric=True),
        Column("remark"),
    )
    rows = tuple(
        (
            code(one.table),
            code(", ".join(one.columns)),
            Cell((one.name,)),
            code(f"{one.path}:{one.line}"),
            count(one.queries, tone=Tone.GOOD if one.queries else None),
            Cell((f"{one.covered_by} begins with the same: one may do, unless this one is unique",))
            if one.covered_by
            else Cell(()),
        )
        for one in found
    )
    blocks: tuple[Block, ...] = (Table(columns, rows),)
    return Section((title,), anchor, (Paragraph((intro,)), *blocks) if intro else blocks)


def _missing(found: Sequence[Finding], assessment: Assessment) -> Section:
    title: Line = ("Missing indexes",)
    if not found:
        return Section(title, "indexes-missing", (Paragraph(("Every search begins with an index, a key or a join.",)),))
    return Section(title, "indexes-missing", (), details(found, assessment))


def _composite(good: Sequence[IndexUse], missing: Sequence[Finding]) -> Section:
    """Several columns in one index: those that there are, and those that would serve what is filtered together."""
    points: list[Line] = []
    for one in good:
        if len(one.columns) > 1:
            points.append(
                (
                    Badge("good", Tone.GOOD),
                    *prose(f" `{one.table}` has `({', '.join(one.columns)})`, {one.name}: "),
                    f"it serves {plural(one.queries, 'place')}, and every search by its first column.",
                )
            )
    for finding in missing:
        written = finding.suggestion.code.splitlines()[0] if finding.suggestion and finding.suggestion.code else ""
        if written.startswith(_INDEX) and written.count(",") > 1:
            points.append(
                (severity(finding), *prose(f" `{written}` serves what is filtered together at "), link(finding), ".")
            )
    block: Block = Bullets(tuple(points)) if points else Paragraph(("No query filters by several columns at once.",))
    return Section(("Composite indexes",), "indexes-composite", (block,))


def caching(assessment: Assessment) -> Section:
    """Write the section on answers that are worth keeping: repeated counts and lookups, and when to forget them."""
    stored = [one.first for one in assessment.remedies if one.kind is Kind.STORED]
    title: Line = ("Caching and denormalisation",)
    counts = [one for one in assessment.remedies if one.kind is Kind.COUNTS]
    blocks: list[Block] = []
    if counts:
        points = tuple((link(one.first), ": ", *prose(one.first.message)) for one in counts)
        blocks.append(
            Paragraph(
                (
                    "These counts are asked per row. One statement per page (see ",
                    Link("queries that repeat", "repetition"),
                    ") is enough for most; a number that is shown everywhere may be kept:",
                )
            )
        )
        blocks.append(Bullets(points))
    if not stored:
        blocks.append(Paragraph(("No count or lookup by one key was found that several places ask.",)))
        return Section(title, "caching", tuple(blocks))
    blocks.append(
        Paragraph(
            prose(
                f"{plural(len(stored), 'count or lookup', 'counts and lookups')} by one key "
                f"{'is' if len(stored) == 1 else 'are'} written in several places. Each can be counted with the row, "
                "kept for a while and forgotten where it changes, or stored; a cache saves nothing on the first "
                "request and may be out of date, so one statement per page comes first."
            )
        )
    )
    return Section(title, "caching", tuple(blocks), tuple(_stored(one) for one in stored))


def _stored(finding: Finding) -> Section:
    blocks: list[Block] = [
        Paragraph((place(finding.path, finding.span.line), f" ({finding.code}): ", *prose(f"{finding.message}."))),
        Paragraph(("Asked at:",)),
        Bullets(tuple(evidence(finding))),
        Paragraph(("Change: ", *advice(finding.suggestion))),
    ]
    suggestion = finding.suggestion
    for part in _alternatives(suggestion.code if suggestion is not None else ""):
        head, _, body = part.partition("\n")
        places = [line.lstrip("# ") for line in body.splitlines() if _is_place(line)]
        blocks.append(Listing((head.lstrip("#- "),), body))
        if places:
            blocks.append(Paragraph(("Forget the kept answer at:",)))
            blocks.append(Bullets(tuple(prose(where) for where in places)))
    return Section((severity(finding), " ", *text(finding.message).line), anchor(finding), tuple(blocks))


def _alternatives(written: str) -> list[str]:
    """The alternatives of a suggestion, each begun by a comment that numbers it."""
    found: list[list[str]] = []
    for line in written.splitlines():
        if line.startswith("# --- ") or not found:
            found.append([])
        found[-1].append(line)
    return ["\n".join(part).rstrip() for part in found]


def _is_place(line: str) -> bool:
    """``# app/routers/heroes.py:41: adds Hero rows``."""
    path, colon, rest = line.removeprefix("# ").partition(":")
    return line.startswith("# ") and bool(colon) and " " not in path and rest.partition(":")[0].isdigit()
