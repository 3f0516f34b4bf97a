"""Words that the text and the Markdown of costs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.query_costs import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.query_costs import Assumptions, CostChange, CostDiff, CostEntry, CostTable

AT_LEAST: Final = "≥ "
"""Precedes the number of an entry of which not everything is known."""


def number(entry: CostEntry, assumed: Assumptions) -> str:
    """Write the number of statements for assumed sizes."""
    return f"{'' if entry.complete else AT_LEAST}{assumed.statements(entry.polynomial):,}"


def mended(entry: CostEntry, assumed: Assumptions) -> str:
    """Write the number of statements after the fixes; nothing where they change nothing."""
    if entry.after is None or entry.after == entry.polynomial:
        return ""
    return f"{assumed.statements(entry.after):,}"


def title(entry: CostEntry) -> str:
    """Name an entry: its route, or its function."""
    return entry.route or f"{entry.function}()"


def place(entry: CostEntry) -> str:
    """Say where an entry stands."""
    return f"{entry.path}:{entry.line}"


def assumption(assumed: Assumptions) -> str:
    """Say what numbers stand for sizes."""
    named = [f"{name} = {count}" for name, count in sorted(assumed.sizes.items())]
    return ", ".join([*named, f"every {'other ' if named else ''}size = {assumed.default}"])


def legend(table: CostTable) -> list[str]:
    """Explain what stands in the table, each as a sentence without a full stop."""
    found = ["at the most: of branches the dearer one counts, and what is loaded eagerly for no rows is not sent"]
    if any(not entry.complete for entry in table.entries):
        found.append(f"{AT_LEAST.strip()} something on the way is unknown and may query")
    kinds = {size.name: size for entry in table.entries for size in entry.polynomial.sizes if not size.grows}
    if kinds:
        names = ", ".join(sorted(kinds))
        found.append(f"counted as 1 unless assumed otherwise, for they do not grow with each row: {names}")
    return found


def summary(table: CostTable, assumed: Assumptions, *, every: bool) -> str:
    """Say how much there is."""
    entries = table.entries
    grows = sum(entry.degree > 0 for entry in entries)
    what = plural(len(entries), "function that queries", "functions that query") if every else plural(
        len(entries), "endpoint", "endpoints"
    )  # fmt: skip
    if not entries:
        return "No function queries" if every else "There are no endpoints; --all shows every function that queries"
    most = max(assumed.statements(entry.polynomial) for entry in entries)
    return f"{what}, {grows} of which send{'s' if grows == 1 else ''} more statements for more rows; at most {most:,}"


def diff_summary(diff: CostDiff) -> str:
    """Say how much has changed."""
    counts = [f"{sum(c.verdict is verdict for c in diff.changes)} {verdict.value}" for verdict in Verdict]
    if not diff.changes:
        return f"The same costs as in {diff.base}"
    return f"Compared with {diff.base}: {', '.join(counts)}"


def change(one: CostChange) -> tuple[str, str]:
    """Write the formulas before and after."""
    return (one.before.formula if one.before else "", one.after.formula if one.after else "")


def plural(count: int, one: str, many: str) -> str:
    """Write a number with its noun."""
    return f"{count} {one if count == 1 else many}"


def notes(entry: CostEntry) -> Sequence[str]:
    """Write the notes of an entry with their places."""
    return [f"{note.path}:{note.line} {note.message}" for note in entry.notes]
