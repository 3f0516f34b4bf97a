"""The endpoints before and after: statements, and the time that they wait for answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.analysis_report import Bullets, Cell, Column, Line, Paragraph, Section, Table, Tone, prose
from nplus1_lint.compose.overview import worst
from nplus1_lint.compose.words import code, duration, name_of, number, plural

if TYPE_CHECKING:
    from nplus1_lint.analysis_report import Block
    from nplus1_lint.remedies import Assessment, Estimate


def estimates(assessment: Assessment) -> Section:
    """Write what each endpoint sends and waits for, today and with the changes."""
    title: Line = ("Performance estimates",)
    found = worst(assessment)
    if not found:
        return Section(title, "estimates", (Paragraph(("No endpoint that queries was found.",)),))
    columns = (
        Column("endpoint"),
        Column("formula today"),
        Column("today", numeric=True),
        Column("loops mended", numeric=True),
        Column("and loads", numeric=True),
        Column("formula then"),
        Column("waiting today", numeric=True),
        Column("waiting then", numeric=True),
        Column("less", numeric=True),
    )
    idle = len(assessment.estimates) - len(found)
    blocks: tuple[Block, ...] = (
        Paragraph(("Assumed:",)),
        Bullets(tuple(_assumptions(assessment))),
        Table(columns, (*(_row(one, assessment) for one in found), _total(assessment))),
    )
    if idle:
        blocks = (*blocks, Paragraph((f"{plural(idle, 'more endpoint sends', 'more endpoints send')} no statement.",)))
    return Section(title, "estimates", blocks)


def _assumptions(assessment: Assessment) -> tuple[Line, ...]:
    assumed = assessment.assumed
    sizes = [f"{name} = {size}" for name, size in sorted(assumed.sizes.items())]
    sizes.append(f"every {'other ' if sizes else ''}size of a formula = {assumed.default}")
    return (
        prose(f"{', '.join(sizes)} (`--assume`)"),
        prose(
            f"{assessment.round_trip:g} ms from a statement to its answer (`--rtt`), one statement after the other; "
            "the work of the database and of Python comes on top"
        ),
        ("at the most: of two branches the dearer one counts; what is loaded eagerly for no rows is not sent",),
        ("≥ something on the way is not known, and may query",),
    )


def _row(one: Estimate, assessment: Assessment) -> tuple[Cell, ...]:
    assumed, entry = assessment.assumed, one.entry
    before, after = assumed.statements(entry.polynomial), assumed.statements(one.lean)
    return (
        code(name_of(entry)),
        code(entry.formula),
        number(entry, entry.polynomial, assumed),
        number(entry, one.looped, assumed),
        number(entry, one.lean, assumed),
        code(str(one.lean)) if one.lean != entry.polynomial else Cell(("the same",)),
        Cell((duration(before, assessment),), before),
        Cell((duration(after, assessment),), after),
        _less(before, after),
    )


def _less(before: int, after: int) -> Cell:
    share = 100 * (before - after) / before if before else 0.0
    return Cell((f"{share:.1f} %",), share, Tone.GOOD if after < before else None)


def _total(assessment: Assessment) -> tuple[Cell, ...]:
    assumed = assessment.assumed
    before, looped, lean = (
        sum(assumed.statements(formula) for formula in formulas)
        for formulas in zip(*((e.entry.polynomial, e.looped, e.lean) for e in assessment.estimates), strict=True)
    )
    return (
        Cell(("one request to each",)),
        Cell(()),
        Cell((f"{before:,}",), before),
        Cell((f"{looped:,}",), looped),
        Cell((f"{lean:,}",), lean),
        Cell(()),
        Cell((duration(before, assessment),), before),
        Cell((duration(lean, assessment),), lean),
        _less(before, lean),
    )
