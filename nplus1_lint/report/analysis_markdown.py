"""The performance analysis as Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nplus1_lint.analysis_report import Badge, Bullets, Chart, Code, Link, Listing, Paragraph, Table, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.analysis_report import Block, Document, Inline, Line, Section

# Line ends and other controls would end a paragraph, a heading or a cell.
_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")
_IN_CODE: Final = {**_CONTROLS, ord("\n"): "\n", ord("\t"): "\t"}
_MARKUP: Final = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#~&"})
_SPAN: Final = str.maketrans({"`": "\N{REPLACEMENT CHARACTER}"})
_BAR: Final = 40


def write(document: Document) -> str:
    """Return the analysis as GitHub-flavoured Markdown.

    Args:
        document: the analysis.

    Returns:
        The text, which ends with a newline; whatever the document holds is escaped.
    """
    lines = [f"# {_prose(document.title)}", "", _line(document.lead), ""]
    if document.stamp:
        lines += [_prose(document.stamp), ""]
    for number, section in enumerate(document.sections, 1):
        lines.append(f"{number}. [{_prose(plain(section.title))}](#{section.anchor})")
    for section in document.sections:
        lines += ["", *_section(section, 2)]
    return "\n".join(lines) + "\n"


def _section(section: Section, level: int) -> Iterator[str]:
    yield f'<a id="{section.anchor}"></a>'
    yield ""
    yield f"{'#' * min(level, 6)} {_line(section.title)}"
    for block in section.blocks:
        yield ""
        yield from _block(block)
    for inner in section.sections:
        yield ""
        yield from _section(inner, level + 1)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield _line(block.line)
    elif isinstance(block, Bullets):
        for number, item in enumerate(block.items, 1):
            yield f"{f'{number}.' if block.ordered else '-'} {_line(item)}"
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Chart):
        yield from _chart(block)
    else:
        yield from _listing(block)


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(_prose(column.title) for column in table.columns)} |"
    yield f"|{'|'.join('---:' if column.numeric else '---' for column in table.columns)}|"
    for row in table.rows:
        yield f"| {' | '.join(_line(cell.line, table=True) for cell in row)} |"


def _listing(listing: Listing) -> Iterator[str]:
    if listing.title:
        yield f"{_line(listing.title)}:" if plain(listing.title)[-1:] not in ":." else _line(listing.title)
        yield ""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", listing.code)), default=0))
    yield f"{fence}{listing.language}"
    yield listing.code.translate(_IN_CODE)
    yield fence


def _chart(chart: Chart) -> Iterator[str]:
    """Bars of text."""
    most = max((bar.before for bar in chart.bars), default=0)
    yield f"**{_prose(chart.title)}** (logarithmic):"
    yield ""
    yield "```text"
    for bar in chart.bars:
        yield _text(bar.label)
        for word, number in (("today", bar.before), ("then", bar.after)):
            yield f"  {word:<6}{number:>10,}  {'█' * round(_BAR * bar.length(number, most))}"
    yield "```"


def _line(line: Line, *, table: bool = False) -> str:
    return "".join(_inline(part, table=table) for part in line)


def _inline(part: Inline, *, table: bool) -> str:
    if isinstance(part, str):
        return _prose(part)
    if isinstance(part, Code):
        return _code(part.text, table=table)
    if isinstance(part, Badge):
        return f"**{_prose(part.text.upper())}**"
    if isinstance(part, Link):
        return f"[{_prose(part.text)}](#{part.anchor})"
    raise TypeError(part)


def _prose(text: str) -> str:
    return text.translate(_CONTROLS).translate(_MARKUP)


def _text(text: str) -> str:
    return text.translate(_CONTROLS).translate(_SPAN)


def _code(text: str, *, table: bool) -> str:
    """A code span; a backtick would end it, and in a table a bar the cell."""
    text = _text(text)
    return f"`{text.replace('|', chr(92) + '|') if table else text}`" if text else ""
