"""The report for a person: code frame, chain of evidence, suggestion, summary."""

from __future__ import annotations

import re
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.padding import Padding
from rich.text import Text

from nplus1_lint.config import CANNOT_PARSE
from nplus1_lint.findings import Applicability, Severity
from nplus1_lint.report.page import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.findings import Finding, Report, ScanError, Span, Suggestion
    from nplus1_lint.report import View

_COLOURS: Final = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
_PER_RELATIONSHIP: Final = "NP201"
_CONTEXT: Final = 2  # lines of code around the flagged ones
_FLAGGED: Final = 6  # flagged lines shown of a longer range
# Escape sequences in what is scanned must not reach the terminal.
_CONTROLS: Final = dict.fromkeys((*range(10), *range(11, 32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")


def write(report: Report, view: View) -> str:
    """Return the report as text, with escape sequences only where the view allows them.

    Args:
        report: what the scan found.
        view: colour and width; the same view gives the same text anywhere.

    Returns:
        The text; its last line is a summary.
    """
    page = _Page(view)
    for _, group in groupby(report.findings, key=_subject):
        findings = list(group)
        page.head(findings[0], report.sources.get(findings[0].path))
        for finding, following in zip_longest(findings, findings[1:]):
            page.body(finding)
            if following is None or following.suggestion != finding.suggestion:
                page.suggestion(finding.suggestion)
            page.gap()
    for error in report.errors:
        page.error(error)
    page.summary(report, view.hidden_low)
    return page.text()


def _subject(finding: Finding) -> tuple[object, ...]:
    """What a heading stands for: a relationship with all routers that waste it, or just the finding."""
    if finding.code == _PER_RELATIONSHIP:
        return finding.path, finding.span, finding.code
    return finding.path, finding.span, finding.code, finding.fingerprint


class _Page(Page):
    """Collects printed lines."""

    def __init__(self, view: View) -> None:
        super().__init__(view, view.width)
        self._colour = view.colour

    def head(self, finding: Finding, source: str | None) -> None:
        """Print what all findings of a group have in common: the place and its code."""
        place = f"{finding.path}:{finding.span.line}:{finding.span.column}: "
        colour = _COLOURS[finding.severity]
        self._line((place, "bold"), (f"{finding.severity} {finding.code}", colour), (f" {finding.name}", "bold"))
        if source is not None:
            self._frame(source, finding.span, colour)

    def body(self, finding: Finding) -> None:
        """Print what is a finding's own: message, evidence and cost."""
        self._prose(finding.message, 2)
        for step in finding.evidence:
            self._line(("  --> ", "blue"), f"{step.path}:{step.line} ", (step.message, "dim"))
        if finding.cost:
            self._line(
                ("  cost: ", "bold cyan"), f"{finding.cost.before} queries, after the change {finding.cost.after}"
            )

    def suggestion(self, suggestion: Suggestion | None) -> None:
        """Print what to do, and the code that does it."""
        if suggestion is None:
            return
        applied = suggestion.applicability
        note = "" if applied is Applicability.DISPLAY else f" ({applied.value})"
        self._prose(f"help: {suggestion.title}{note}", 2, "bold green")
        if suggestion.behaviour:
            self._prose(f"unsafe: {suggestion.behaviour}", 2)
        for line in self._python(suggestion.code.strip("\n")) if suggestion.code else ():
            self._line("      ", line)

    def gap(self) -> None:
        """Print an empty line."""
        self._line("")

    def error(self, error: ScanError) -> None:
        place = (f"{error.path}:{error.line}:1: ", "bold")
        self._line(place, (f"error {CANNOT_PARSE}", _COLOURS[Severity.ERROR]), (" cannot-parse", "bold"))
        self._prose(error.message, 2)
        self.gap()

    def summary(self, report: Report, hidden_low: int) -> None:
        """Print the last line: what was found, where, and what is not shown."""
        found = [f.severity for f in report.findings]
        kinds = [_plural(found.count(kind), str(kind)) for kind in reversed(Severity) if kind in found]
        counts = f"{_plural(len(found), 'finding')} ({', '.join(kinds)})" if found else "No N+1 queries found"
        parts = [f"{counts} in {_plural(report.summary.files, 'file')}"]
        if report.errors:
            parts.append(f"{_plural(len(report.errors), 'path')} could not be checked")
        if report.summary.suppressed:
            parts.append(f"{report.summary.suppressed} suppressed")
        if hidden_low:
            parts.append(f"{hidden_low} of low confidence hidden (--show low)")
        worst = Severity.ERROR if report.errors else max(found, default=None)
        self._line(("; ".join(parts), _COLOURS[worst] if worst else "bold green"))

    def _frame(self, source: str, span: Span, colour: str) -> None:
        """Print the flagged lines with what stands around them, numbered, the flagged range underlined."""
        code = re.split(r"\r\n|\r|\n", source)  # as Python counts lines; splitlines() knows more ends
        first, last = span.line, min(span.end_line, len(code))
        shown = range(max(1, first - _CONTEXT), min(len(code), last + _CONTEXT) + 1)
        while shown and shown[-1] > last and not code[shown[-1] - 1].strip():
            shown = shown[:-1]
        while shown and shown[0] < first and not code[shown[0] - 1].strip():
            shown = shown[1:]
        gutter = len(str(shown[-1] if shown else first))
        texts = self._python("\n".join(code[number - 1] for number in shown))
        for number, text in zip(shown, texts, strict=False):
            cut = first + _FLAGGED <= number < last
            if cut and number == first + _FLAGGED:
                self._line((f"  {'…':>{gutter}} |", "blue"))
            if not cut:
                self._line((f"  {number:>{gutter}} | ", "blue"), text)
                if first <= number <= last:
                    self._line((f"  {'':>{gutter}} | ", "blue"), (_underline(code[number - 1], number, span), colour))
        if shown:
            self._line((f"  {'':>{gutter}} |", "blue"))

    def _python(self, code: str) -> Sequence[Text]:
        """Return lines of code ready to print; the highlighter is imported only where it shows."""
        clean = _clean(code)
        text = Text(clean)
        if self._colour and clean:
            from rich.syntax import Syntax

            text = Syntax("", "python", theme="ansi_dark").highlight(clean)
        return text.split("\n", allow_blank=True)[: clean.count("\n") + 1]  # the highlighter adds a line

    def _prose(self, text: str, indent: int, style: str = "") -> None:
        self._console.print(Padding(Text(_clean(text), style), (0, 0, 0, indent), expand=False))

    def _line(self, *parts: str | Text | tuple[str, str]) -> None:
        """Print a line that is never wrapped, for it is read by tools too."""
        cleaned = (part if isinstance(part, Text) else _styled(part) for part in parts)
        self._console.print(Text.assemble(*cleaned), soft_wrap=True)


def _styled(part: str | tuple[str, str]) -> tuple[str, str]:
    text, style = (part, "") if isinstance(part, str) else part
    return " ".join(_clean(text).split("\n")), style


def _clean(text: str) -> str:
    return text.expandtabs(4).translate(_CONTROLS)


def _underline(line: str, number: int, span: Span) -> str:
    """The marks below a flagged line, as wide as the characters above them are on the screen."""
    start = span.column - 1 if number == span.line else len(line) - len(line.lstrip())
    end = span.end_column - 1 if number == span.end_line else len(line.rstrip())
    before = cell_len(_clean(line[:start]))
    return " " * before + "^" * max(1, cell_len(_clean(line[:end])) - before)


def _plural(count: int, word: str) -> str:
    if word == "info":
        return f"{count} info"
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
