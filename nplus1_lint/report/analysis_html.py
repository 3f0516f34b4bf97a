"""The performance analysis as one page of HTML that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from nplus1_lint.analysis_report import Badge, Bullets, Chart, Code, Link, Listing, Paragraph, Table, plain
from nplus1_lint.report.analysis_style import SCRIPT, STYLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.analysis_report import Bar, Block, Cell, Column, Document, Inline, Line, Section

# Nothing is loaded from anywhere: what the page shows cannot make it ask for anything.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"
_CONTROLS: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")
_LONG: Final = 40  # characters of a cell that needs some width on a phone
_SHORT: Final = 28  # characters of a cell that is not broken in two
_WIDEST: Final = 78  # per cent of a chart's width, so that the number beside the bar has room


def write(document: Document) -> str:
    """Return the analysis as a page.

    Args:
        document: the analysis.

    Returns:
        The whole page; whatever the document holds is escaped.
    """
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(document.title)}</title>",
        f"<style>\n{STYLE}</style>",
        "</head>",
        "<body>",
        f"<header>\n<h1>{_text(document.title)}</h1>\n<p>{_line(document.lead)}</p>",
    ]
    if document.stamp:
        parts.append(f'<p class="soft">{_text(document.stamp)}</p>')
    parts += ["</header>", '<nav aria-label="Contents">', "<ol>"]
    parts += [f'<li><a href="#{s.anchor}">{_text(plain(s.title))}</a></li>' for s in document.sections]
    parts += ["</ol>", "</nav>", "<main>"]
    for section in document.sections:
        parts += _section(section, 2)
    parts += ["</main>", f"<script>\n{SCRIPT}</script>", "</body>", "</html>"]
    return "\n".join(parts) + "\n"


def _section(section: Section, level: int) -> Iterator[str]:
    """A section that holds code and no other section can be folded away."""
    folds = level > 2 and not section.sections and any(isinstance(block, Listing) for block in section.blocks)
    if folds:
        yield '<details class="finding">'
        yield f'<summary>{_line(section.title)}</summary>\n<div class="body" id="{section.anchor}">'
    else:
        yield f'<section id="{section.anchor}">'
        yield f"<h{min(level, 6)}>{_line(section.title)}</h{min(level, 6)}>"
    for block in section.blocks:
        yield from _block(block)
    for inner in section.sections:
        yield from _section(inner, level + 1)
    yield "</div>\n</details>" if folds else "</section>"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield f"<p>{_line(block.line)}</p>"
    elif isinstance(block, Bullets):
        tag = "ol" if block.ordered else "ul"
        yield f"<{tag}>"
        yield from (f"<li>{_line(item)}</li>" for item in block.items)
        yield f"</{tag}>"
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Chart):
        yield from _chart(block)
    else:
        yield from _listing(block)


def _table(table: Table) -> Iterator[str]:
    yield '<div class="scroll" tabindex="0">\n<table>\n<thead>\n<tr>'
    for column in table.columns:
        yield f'<th scope="col"{_class("num" if column.numeric else "")}>{_text(column.title)}</th>'
    yield "</tr>\n</thead>\n<tbody>"
    for row in table.rows:
        cells = "".join(_cell(cell, column) for cell, column in zip(row, table.columns, strict=True))
        yield f"<tr>{cells}</tr>"
    yield "</tbody>\n</table>\n</div>"


def _cell(cell: Cell, column: Column) -> str:
    length = len(plain(cell.line))
    names = ["num"] if column.numeric else ["long"] if length > _LONG else ["short"] if length < _SHORT else []
    names += [cell.tone.value] if cell.tone is not None else []
    sort = (
        "" if cell.sort is None else f' data-sort="{cell.sort:g}"' if cell.sort % 1 else f' data-sort="{cell.sort:.0f}"'
    )
    return f"<td{_class(' '.join(names))}{sort}>{_line(cell.line)}</td>"


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _listing(listing: Listing) -> Iterator[str]:
    shown = "".join(_code_lines(listing))
    pre = f'<pre tabindex="0"><code>{shown}</code></pre>'
    if listing.title:
        opened = " open" if listing.open else ""
        yield f"<details{opened}>\n<summary>{_line(listing.title)}</summary>\n{pre}\n</details>"
    else:
        yield f"<figure>{pre}</figure>"


def _code_lines(listing: Listing) -> Iterator[str]:
    for number, line in enumerate(listing.code.split("\n"), listing.first_line or 1):
        text = _text(line)
        if listing.first_line is not None:
            text = f"<mark>{text}</mark>" if number in listing.marked else text
            text = f'<span class="n">{number}</span>{text}'
        elif listing.language == "diff" and line[:1] in "+-" and line[:1]:
            tag = "ins" if line[0] == "+" else "del"
            text = f"<{tag}>{text}</{tag}>"
        yield f"{text}\n"


def _chart(chart: Chart) -> Iterator[str]:
    most = max((bar.before for bar in chart.bars), default=0)
    yield '<figure class="chart">'
    yield f"<figcaption>{_text(chart.title)}, on a logarithmic scale: "
    yield '<span class="key before"></span> today, <span class="key after"></span> then</figcaption>'
    for bar in chart.bars:
        yield from _bar(bar, most)
    yield "</figure>"


def _bar(bar: Bar, most: int) -> Iterator[str]:
    yield f'<div class="row"><code>{_text(bar.label)}</code>'
    words = escape(f"{bar.label}: {bar.before:,} statements today, {bar.after:,} then".translate(_CONTROLS))
    yield f'<svg role="img" aria-label="{words}" focusable="false">'
    for place, (name, number) in enumerate((("before", bar.before), ("after", bar.after))):
        share = max(0.6, _WIDEST * bar.length(number, most))
        top = 2 + 16 * place
        yield f'<rect class="{name}" x="0" y="{top}" width="{share:.1f}%" height="13" rx="2"></rect>'
        yield f'<text x="{share:.1f}%" dx="6" y="{top + 11}">{number:,}</text>'
    yield "</svg></div>"


def _line(line: Line) -> str:
    return "".join(_inline(part) for part in line)


def _inline(part: Inline) -> str:
    if isinstance(part, str):
        return _text(part)
    if isinstance(part, Code):
        return f"<code>{_text(part.text)}</code>" if part.text else ""
    if isinstance(part, Badge):
        return f'<span class="badge {part.tone.value}">{_text(part.text)}</span>'
    if isinstance(part, Link):
        return f'<a href="#{part.anchor}">{_text(part.text)}</a>'
    raise TypeError(part)


def _text(text: str) -> str:
    return escape(text.translate(_CONTROLS))
