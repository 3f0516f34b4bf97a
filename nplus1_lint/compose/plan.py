"""Recommendations by priority, the summary table, and the plan by gain for effort."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.analysis_report import Cell, Code, Column, Line, Link, Paragraph, Section, Table, Tone, prose
from nplus1_lint.compose.titles import TITLES, WHY
from nplus1_lint.compose.words import (
    advice,
    anchor,
    count,
    duration,
    excerpt,
    link,
    plural,
    rewritten,
    severity,
    text,
)
from nplus1_lint.findings import Applicability
from nplus1_lint.remedies import Kind, worthiest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nplus1_lint.analysis_report import Block
    from nplus1_lint.remedies import Assessment, PlanStep, Remedy

_SHOWN: Final = 3  # remedies of a priority with their code; the others stand in their own sections
_EFFORTS: Final = ((1, "none: --fix"), (2, "small"), (4, "medium"))


def recommendations(assessment: Assessment) -> Section:
    """Write what to do, the most urgent first, with the code before and after."""
    title: Line = ("Recommendations by priority",)
    steps = sorted(
        assessment.plan,
        key=lambda step: (-max(one.severity for one in step.remedies), assessment.plan.index(step)),
    )
    if not steps:
        return Section(title, "recommendations", (Paragraph(("There is nothing to change.",)),))
    sections = tuple(_priority(number, step, assessment) for number, step in enumerate(steps, 1))
    return Section(title, "recommendations", (), sections)


def _priority(number: int, step: PlanStep, assessment: Assessment) -> Section:
    saved = _saved(step, assessment)
    worst = max(step.remedies, key=lambda one: one.severity).first
    title: Line = (f"Priority {number}: {TITLES[step.kind]} ", severity(worst))
    said = f"{plural(len(step.remedies), 'place')}. {WHY[step.kind]}"
    blocks: list[Block] = [Paragraph(prose(said))]
    if saved:
        blocks.append(Paragraph((f"Saves {saved:,} statements when each endpoint answers once.",)))
    sections = [_example(one, assessment) for one in step.remedies[:_SHOWN]]
    rest = step.remedies[_SHOWN:]
    if rest:
        sections.append(Section(("The others",), f"others-{number}", (_list(rest, assessment),)))
    return Section(title, f"priority-{number}", tuple(blocks), tuple(sections))


def _example(remedy: Remedy, assessment: Assessment) -> Section:
    finding = remedy.first
    blocks: list[Block] = []
    shown = excerpt(finding, assessment.report.sources, title="Before")
    blocks += [shown] if shown is not None else []
    blocks += rewritten(finding.suggestion, "After")
    saved = remedy.saved(assessment.assumed)
    effect = f" Saves {saved:,} statements for {plural(len(remedy.gains), 'endpoint')}." if saved else ""
    blocks.insert(0, Paragraph((*advice(finding.suggestion), effect, " Details: ", link(finding), ".")))
    name = remedy.relationship.label if remedy.relationship is not None else finding.function
    return Section((Code(name),), f"do-{anchor(finding)}", tuple(blocks))


def _list(remedies: Sequence[Remedy], assessment: Assessment) -> Table:
    rows = tuple(
        (
            Cell((severity(one.first),), int(one.first.severity)),
            Cell((link(one.first),)),
            Cell(advice(one.first.suggestion)),
            count(one.saved(assessment.assumed)),
        )
        for one in remedies
    )
    columns = (Column("severity"), Column("where"), Column("change"), Column("saved statements", numeric=True))
    return Table(columns, rows)


def summary_table(assessment: Assessment) -> Section:
    """Write every remedy in one table."""
    columns = (
        Column("issue"),
        Column("location"),
        Column("severity"),
        Column("fix"),
        Column("worst endpoint"),
        Column("statements", numeric=True),
    )
    order = list(Kind)
    ranked = sorted(
        assessment.remedies,
        key=lambda r: (-r.severity, order.index(r.kind), -r.saved(assessment.assumed), r.first.sort_key),
    )
    title: Line = ("Summary table",)
    if not ranked:
        return Section(title, "table", (Paragraph(("There are no findings.",)),))
    return Section(title, "table", (Table(columns, tuple(_issue(one, assessment) for one in ranked)),))


def _issue(remedy: Remedy, assessment: Assessment) -> tuple[Cell, ...]:
    assumed, finding = assessment.assumed, remedy.first
    worst = max(remedy.gains, key=lambda gain: gain.saved(assumed), default=None)
    change, route = Cell(("as many",), 0), Cell(())
    if worst is not None:
        before, after = assumed.statements(worst.entry.polynomial), assumed.statements(worst.after)
        change = Cell((f"{before:,} → {after:,}",), before - after, Tone.GOOD)
        route = Cell((Code(worst.entry.route or worst.entry.function),))
    fix = finding.suggestion.title if finding.suggestion is not None else "by hand"
    if remedy.relationship is not None:
        fix = remedy.relationship.change.title
    return (
        text(f"{finding.code} {finding.name}"),
        Cell((link(finding),)),
        Cell((severity(finding),), int(finding.severity)),
        text(fix),
        route,
        change,
    )


def plan(assessment: Assessment) -> Section:
    """Write in which order to do it: what gains most for its effort first, and what is left after each step."""
    title: Line = ("Implementation plan",)
    if not assessment.plan:
        return Section(title, "plan", (Paragraph(("There is nothing to do.",)),))
    intro = prose(
        "By gain for effort: saved statements of one request to each endpoint, by the work of the changes (1: `--fix` "
        "makes it; 2: a diff to read; 3 to 4: by hand, in one place; more: several places, a migration). What is "
        "information only stands in its section and is left out here."
    )
    assumed = assessment.assumed
    before = sum(assumed.statements(one.entry.polynomial) for one in assessment.estimates)
    gain = before - _remaining(assessment.plan[-1], assessment)
    rows, left = [], before
    for number, step in enumerate(assessment.plan, 1):
        after = _remaining(step, assessment)
        share = 100 * (left - after) / gain if gain else 0.0
        rows.append(
            (
                Cell((str(number),), number),
                Cell((Link(TITLES[step.kind], f"step-{number}"),)),
                count(len(step.remedies)),
                count(step.effort),
                count(after),
                Cell((duration(after, assessment),), after),
                Cell((f"{share:.1f} %",), share),
            )
        )
        left = after
    columns = (
        Column("step", numeric=True),
        Column("what"),
        Column("changes", numeric=True),
        Column("effort", numeric=True),
        Column("statements left", numeric=True),
        Column("waiting left", numeric=True),
        Column("share of the gain", numeric=True),
    )
    today = f"Today: {before:,} statements for one request to each endpoint, {duration(before, assessment)} of waiting."
    table = Table(columns, tuple(rows))
    blocks: tuple[Block, ...] = (Paragraph(intro), Paragraph((today,)), table, *_by_machine(assessment))
    sections = tuple(_step(number, step, assessment) for number, step in enumerate(assessment.plan, 1))
    return Section(title, "plan", blocks, sections)


def _by_machine(assessment: Assessment) -> Iterator[Paragraph]:
    ready = [
        one.first.suggestion.applicability
        for one in assessment.remedies
        if one.first.suggestion is not None and one.first.suggestion.changes
    ]
    safe, unsafe = ready.count(Applicability.SAFE), ready.count(Applicability.UNSAFE)
    if safe or unsafe:
        yield Paragraph(
            prose(
                f"Of the changes, `nplus1-lint check --fix` makes {safe or 'none'} by itself; with `--unsafe-fixes` it "
                f"makes {unsafe} {'more' if safe else 'of them'}, whose texts say what may differ. `--diff` shows them."
            )
        )


def _remaining(step: PlanStep, assessment: Assessment) -> int:
    return sum(assessment.assumed.statements(formula) for formula in step.remaining)


def _saved(step: PlanStep, assessment: Assessment) -> int:
    """Count what the step saves by itself; its changes may take the same statements away."""
    before = sum(assessment.assumed.statements(one.entry.polynomial) for one in assessment.estimates)
    return before - sum(map(assessment.assumed.statements, step.alone))


def _step(number: int, step: PlanStep, assessment: Assessment) -> Section:
    rows = []
    for one in worthiest(step.remedies, assessment.assumed):
        saved = one.saved(assessment.assumed)
        words = next((word for most, word in _EFFORTS if one.effort <= most), "large")
        rows.append(
            (
                Cell((link(one.first),)),
                text(f"{one.first.code} {one.first.name}"),
                count(saved),
                Cell((f"{one.effort} ({words})",), one.effort),
                Cell((f"{saved / one.effort:,.1f}",), saved / one.effort),
            )
        )
    columns = (
        Column("where"),
        Column("rule"),
        Column("saved statements", numeric=True),
        Column("effort", numeric=True),
        Column("gain for effort", numeric=True),
    )
    return Section((f"Step {number}: {TITLES[step.kind]}",), f"step-{number}", (Table(columns, tuple(rows)),))
