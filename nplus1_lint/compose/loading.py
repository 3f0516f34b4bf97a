"""Eager loading: who loads what by the mapping, who reads it, the chains, and the options of single queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.analysis_report import Bullets, Cell, Code, Column, Line, Paragraph, Section, Table, Tone, prose
from nplus1_lint.compose.repetition import evidence, impact
from nplus1_lint.compose.words import advice, anchor, code, count, excerpt, place, plural, rewritten, severity, text
from nplus1_lint.load_matrix import Use

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nplus1_lint.analysis_report import Block
    from nplus1_lint.findings import Finding
    from nplus1_lint.load_matrix import Cell as MatrixCell
    from nplus1_lint.load_matrix import Cost, LoadMatrix, RelationshipLoads
    from nplus1_lint.remedies import Assessment, Remedy

_TONES: Final = {Use.READ: Tone.GOOD, Use.MAYBE: Tone.CALM, Use.WASTED: Tone.BAD}
_SYMBOLS: Final = {Use.READ: "●", Use.MAYBE: "?", Use.WASTED: "○"}
_OTHERS: Final = ("NP202", "NP204", "NP206", "NP207")


def loading(assessment: Assessment) -> Section:
    """Write the section on eager loading."""
    matrix = assessment.matrix
    if not matrix.relationships:
        blocks: tuple[Block, ...] = (
            Paragraph(("The mapping loads nothing eagerly that a query is seen to ask for.",)),
        )
    else:
        blocks = (
            Paragraph(
                prose(
                    f"{plural(len(matrix.relationships), 'relationship has', 'relationships have')} a strategy that "
                    "loads the rows with every query for the class, whoever asks. A relationship is wasted in a router "
                    "where all ways of the rows are known and nobody reads it."
                )
            ),
        )
    sections = (
        _matrix(matrix),
        _routers(matrix),
        _chains(assessment),
        _relationships(assessment),
        _options(assessment),
    )
    return Section(("Eager loading",), "loading", blocks, tuple(s for s in sections if s is not None))


def _matrix(matrix: LoadMatrix) -> Section | None:
    if not matrix.relationships:
        return None
    columns = (Column("relationship"), *(Column(router.name) for router in matrix.routers))
    rows = []
    for row in matrix.relationships:
        cells = {cell.router: cell for cell in row.cells}
        rows.append((code(row.label), *(_use(cells.get(router.name)) for router in matrix.routers)))
    legend = (
        "● loaded and read (by 2 of 5 queries: ●2/5)",
        "○ loaded and wasted (by 3 queries: ○3)",
        "? loaded, and its rows go where reads cannot be followed",
        "· not loaded",
    )
    blocks = (Bullets(tuple((line,) for line in legend)), Table(columns, tuple(rows)))
    return Section(("Relationship by router",), "matrix", blocks)


def _use(cell: MatrixCell | None) -> Cell:
    if cell is None:
        return Cell(("·",), -1)
    total = len(cell.queries)
    if cell.use is Use.WASTED:
        return Cell((f"○{total}",), 0, Tone.BAD)
    return Cell((f"{_SYMBOLS[cell.use]}{cell.count(cell.use)}/{total}",), cell.count(cell.use), _TONES[cell.use])


def _routers(matrix: LoadMatrix) -> Section | None:
    rows = []
    for router in matrix.routers:
        wasted = [query.wasted.statements + query.wasted.per_row for query in router.queries]
        worst = max(wasted, default=0)
        least = min(wasted, default=0)
        spread = str(worst) if least == worst else f"{least} to {worst}"
        where = code(router.path) if router.is_router else Cell((Code(router.path), " (no route reaches it)"))
        rows.append((Cell((router.name,)), count(len(router.queries)), Cell((spread,), worst), where))
    if not rows:
        return None
    columns = (
        Column("router"),
        Column("queries that load eagerly", numeric=True),
        Column("statements wasted per query", numeric=True),
        Column("file"),
    )
    return Section(("What each router wastes",), "routers", (Table(columns, tuple(rows)),))


def _chains(assessment: Assessment) -> Section | None:
    found = [one for one in assessment.report.findings if one.code == "NP203"]
    if not found:
        return None
    intro = prose(
        "One query for the first class runs all of these statements, one per link, whenever it finds a row. "
        "The way back to a class that is already on the path is not followed."
    )
    sections = []
    for finding in found:
        blocks: list[Block] = [
            Paragraph((place(finding.path, finding.span.line), f" ({finding.code}): ", *prose(f"{finding.message}."))),
            Bullets(tuple(_links(finding))),
            Paragraph(("Change: ", *advice(finding.suggestion))),
        ]
        name = finding.message.partition(" ")[0]
        sections.append(Section((severity(finding), " ", Code(name)), anchor(finding), tuple(blocks)))
    return Section(("Chains of eager loads",), "chains", (Paragraph(intro),), tuple(sections))


def _links(finding: Finding) -> Iterator[Line]:
    for step in finding.evidence:
        depth = 0
        words, by, way = step.message.partition(" by way of ")
        if by:
            depth = way.count(".") + 1
        yield ("→ " * depth, *prose(words), " (", place(step.path, step.line), ")")


def _relationships(assessment: Assessment) -> Section | None:
    remedies = {one.relationship.label: one for one in assessment.remedies if one.relationship is not None}
    rows = assessment.matrix.relationships
    if not rows:
        return None
    columns = (
        Column("relationship"),
        Column("strategy"),
        Column("declared at"),
        Column("adds to a query"),
        Column("read by", numeric=True),
        Column("saved statements", numeric=True),
        Column("cheapest change"),
    )
    assumed = assessment.assumed
    table = Table(
        columns,
        tuple(
            (
                code(row.label),
                code(row.lazy),
                code(f"{row.path}:{row.line}"),
                Cell((_adds(row.adds),), row.adds.statements),
                Cell((f"{row.count(Use.READ)} of {len(row.cells)}",), row.count(Use.READ)),
                count(remedies[row.label].saved(assumed) if row.label in remedies else 0),
                text(row.change.title),
            )
            for row in rows
        ),
    )
    note = (
        "What a change saves is counted for one request to each endpoint; a relationship takes those along that are "
        "loaded only by way of it, so the numbers of a chain overlap.",
    )
    ordered = sorted(remedies.values(), key=lambda one: (-one.saved(assumed), one.first.sort_key))
    sections = tuple(_relationship(one, one.relationship, assessment) for one in ordered if one.relationship)
    return Section(("Relationships loaded for nothing",), "relationships", (table, Paragraph(note)), sections)


def _adds(cost: Cost) -> str:
    parts = [plural(cost.statements, "statement")] if cost.statements else []
    parts += [f"{plural(cost.per_row, 'statement')} per row"] if cost.per_row else []
    parts += [plural(cost.joins, "join")] if cost.joins else []
    return " and ".join(parts) or "nothing"


def _relationship(remedy: Remedy, row: RelationshipLoads, assessment: Assessment) -> Section:
    finding = remedy.first
    wasted = [cell for cell in row.cells if cell.use is Use.WASTED]
    read = [cell.router for cell in row.cells if cell.use is Use.READ]
    said = f'`{row.path}:{row.line}`, `lazy="{row.lazy}"`: wasted in '
    said += ", ".join(f"{cell.router} ({plural(len(cell.queries), 'query', 'queries')})" for cell in wasted)
    said += f"; read in {', '.join(read)}." if read else "; read by no router."
    blocks: list[Block] = [Paragraph(prose(said)), Bullets(tuple(impact(remedy, assessment)))]
    shown = excerpt(finding, assessment.report.sources)
    blocks += [shown] if shown is not None else []
    blocks.append(Paragraph(prose(f"Cheapest change: {row.change.title}.")))
    steps = (*row.change.options, *row.change.without_options)
    if steps:
        blocks.append(Bullets(tuple((place(step.path, step.line), " ", *prose(step.message)) for step in steps)))
    blocks += rewritten(finding.suggestion)
    return Section((severity(finding), " ", Code(row.label)), anchor(finding), tuple(blocks))


def _options(assessment: Assessment) -> Section | None:
    found = [one for one in assessment.report.findings if one.code in _OTHERS]
    if not found:
        return None
    intro = (
        "Options of single queries that load what nobody reads, load it badly, or load what a query beside it fetches "
        "once more.",
    )
    return Section(
        ("Loader options and queries beside loaded rows",), "options", (Paragraph(intro),), details(found, assessment)
    )


def details(findings: Sequence[Finding], assessment: Assessment) -> tuple[Section, ...]:
    """Write a section per finding, the severer first: code, change, and the places on the way."""
    sections = []
    for finding in sorted(findings, key=lambda one: (-one.severity, one.code, one.sort_key)):
        blocks: list[Block] = [
            Paragraph((place(finding.path, finding.span.line), f" ({finding.code}): ", *prose(f"{finding.message}."))),
        ]
        shown = excerpt(finding, assessment.report.sources)
        blocks += [shown] if shown is not None else []
        blocks.append(Paragraph(("Change: ", *advice(finding.suggestion))))
        blocks += rewritten(finding.suggestion)
        if len(finding.evidence) > 1:
            blocks.append(Bullets(tuple(evidence(finding))))
        title: Line = (severity(finding), " ", Code(finding.function), f": {finding.name}")
        sections.append(Section(title, anchor(finding), tuple(blocks)))
    return tuple(sections)
