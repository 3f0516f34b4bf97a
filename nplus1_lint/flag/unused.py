"""Comments that silence nothing (NP901): ``# noqa: NP101`` and ``# nplus1: ignore[NP101]``."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nplus1_lint.config import UNUSED
from nplus1_lint.findings import Applicability, Confidence, Edit, FileChange, Finding, Severity, Span, Suggestion
from nplus1_lint.flag.diff import unified
from nplus1_lint.flag.suppress import covers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from nplus1_lint.findings import Suspect
    from nplus1_lint.flag.source import SourceFiles, SourceText
    from nplus1_lint.index.facts import Suppression

_IGNORE: Final = re.compile(r"#\s*nplus1\s*:\s*ignore(?:\[(?P<codes>[^\]]*)\])?", re.IGNORECASE)
_NOQA: Final = re.compile(r"#\s*noqa\s*:\s*(?P<codes>[A-Z][A-Z]*[0-9]+(?:[,\s]+[A-Z][A-Z]*[0-9]+)*)", re.IGNORECASE)
_NEXT: Final = re.compile(r"\s+#\s*[^\W\d]")  # another comment behind this one; ``#12`` belongs to the reason
_HEADER: Final = re.compile(r"\s*(?:async\s+def|def|class)\s+(\w+)")


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is wrong with a comment.

    Attributes:
        unused: its codes that silence nothing; empty where it names none and silences nothing.
        unknown: its codes that no rule has.
        whole: nothing that it names is left.
    """

    unused: tuple[str, ...]
    unknown: tuple[str, ...]
    whole: bool


def unused_suppressions(
    suspects: Iterable[Suspect],
    suppressions: Mapping[str, Sequence[Suppression]],
    names: Mapping[str, str],
    selected: Collection[str],
    files: SourceFiles,
) -> tuple[Finding, ...]:
    """Find the comments that silence nothing.

    A code is judged when a rule has it and it is selected; findings that are hidden for their low confidence or
    severity count. A ``noqa`` without codes is for other tools too and never judged; the same goes for a comment
    that names NP901, which asks for this.

    Args:
        suspects: those of all rules in the whole project.
        suppressions: the comments of the files that are asked about, by project path.
        names: the name of each rule by its code.
        selected: the codes that are reported.
        files: the texts.

    Returns:
        The findings in report order, none of them silenced.
    """
    by_path: dict[str, list[Suspect]] = {path: [] for path in suppressions}
    for suspect in suspects:
        if suspect.path in by_path:
            by_path[suspect.path].append(suspect)
    findings: list[Finding] = []
    for path in sorted(suppressions):
        seen: Counter[str] = Counter()
        for comment in suppressions[path]:
            verdict = _judge(comment, by_path[path], names, selected)
            if verdict is not None:
                findings.append(_finding(files[path], comment, verdict, names, seen))
    return tuple(sorted(findings, key=lambda finding: finding.sort_key))


def _judge(
    comment: Suppression, suspects: Sequence[Suspect], codes: Collection[str], selected: Collection[str]
) -> _Verdict | None:
    if comment.kind == "no-query" or UNUSED in comment.codes or (comment.kind == "noqa" and not comment.codes):
        return None
    used = {one.code for one in suspects if covers(comment, one.pos.line, one.pos.end_line)}
    if not comment.codes:
        return None if used else _Verdict((), (), whole=True)
    named = tuple(dict.fromkeys(comment.codes))
    unused = tuple(code for code in named if code in selected and code not in used)
    # Other tools have codes too, and only what is written for this one is a mistake.
    ours = named if comment.kind == "ignore" else tuple(code for code in named if _is_prefix(code, codes))
    unknown = tuple(code for code in ours if code not in codes)
    if not unused and not unknown:
        return None
    return _Verdict(unused, unknown, whole=set(named) <= {*unused, *unknown})


def _is_prefix(code: str, codes: Collection[str]) -> bool:
    """True for ``NP1``, which stands for many codes in `select` and for none in a comment."""
    return code not in codes and any(one.startswith(code) for one in codes)


def _finding(
    source: SourceText,
    comment: Suppression,
    verdict: _Verdict,
    names: Mapping[str, str],
    seen: Counter[str],
) -> Finding:
    start, match = _directive(source, comment)
    first = source.starts[comment.comment_line - 1]
    text, function = " ".join(match.group().split()), _function(source, comment.line)
    identity = "\0".join((UNUSED, source.path, function, text))
    ordinal = seen[identity]
    seen[identity] += 1
    return Finding(
        code=UNUSED,
        name=names[UNUSED],
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        path=source.path,
        span=Span(
            comment.comment_line, start - first + 1, comment.comment_line, start - first + len(match.group()) + 1
        ),
        function=function,
        message="; ".join(_sentences(verdict, names)),
        evidence=(),
        suggestion=_suggestion(source, comment, verdict, start, match),
        fingerprint=hashlib.sha256(f"{identity}\0{ordinal}".encode("utf-8", "surrogatepass")).hexdigest()[:16],
    )


def _directive(source: SourceText, comment: Suppression) -> tuple[int, re.Match[str]]:
    """Where the comment stands in the text, and what of it names the codes."""
    pattern = _NOQA if comment.kind == "noqa" else _IGNORE
    line, start = source.line(comment.comment_line), source.starts[comment.comment_line - 1]
    found = pattern.search(line, comment.comment_column)
    if found is None:
        raise ValueError(f"{source.path}:{comment.comment_line}: the comment that was read there is gone")
    return start + found.start(), found


def _sentences(verdict: _Verdict, codes: Collection[str]) -> Iterator[str]:
    if verdict.unused:
        kinds = " and ".join(verdict.unused) if len(verdict.unused) < 3 else ", ".join(verdict.unused)
        yield f"this comment silences no finding of {kinds}"
    elif not verdict.unknown:
        yield "this comment silences no finding"
    for code in verdict.unknown:
        if _is_prefix(code, codes):
            yield f"{code} is a prefix, which select and ignore take and a comment does not: name the codes"
        else:
            yield f"there is no rule {code}"


def _suggestion(
    source: SourceText, comment: Suppression, verdict: _Verdict, start: int, match: re.Match[str]
) -> Suggestion | None:
    """Take away what silences nothing; what the author must decide, a code that was meant, stays."""
    if verdict.unknown:
        return None
    line_start = source.starts[comment.comment_line - 1]
    line = source.line(comment.comment_line)
    if verdict.whole:
        edit = _removed(source, comment, start - line_start, match.end())
        title = "Remove the comment"
    else:
        kept = [code for code in re.split(r"[,\s]+", match["codes"].strip()) if code.upper() not in verdict.unused]
        edit = Edit(line_start + match.start("codes"), line_start + match.end("codes"), ", ".join(kept))
        title = f"Remove {', '.join(verdict.unused)} from the comment"
    if edit is None:
        return Suggestion(title, "", Applicability.DISPLAY)
    change = FileChange(source.path, (edit,))
    begin, end = edit.start - line_start, edit.end - line_start
    code = (line[:begin] + edit.text + line[end:]).strip()
    return Suggestion(title, code, Applicability.SAFE, unified(source.path, source.diffed, [edit]), changes=(change,))


def _removed(source: SourceText, comment: Suppression, begin: int, end: int) -> Edit | None:
    """The removal of a directive with its reason; None where words of another kind stand behind it."""
    line_start, line = source.starts[comment.comment_line - 1], source.line(comment.comment_line)
    other = _NEXT.search(line, end)
    last = other.start() if other else len(line)
    if comment.kind == "noqa" and line[end:last].strip():
        return None
    before = line[:begin].rstrip()
    if other:
        return Edit(line_start + begin, line_start + other.start() + len(other.group().partition("#")[0]), "")
    if before:
        return Edit(line_start + len(before), line_start + len(line), "")
    following = comment.comment_line
    whole = source.starts[following] if following < len(source.starts) else len(source.text)
    return Edit(line_start, whole, "")


def _function(source: SourceText, line: int) -> str:
    """The qualified name of the function or class around a line."""
    at = source.index(line)
    names: list[str] = []
    while at is not None:
        header = _HEADER.match(source.line(source.logical[at].first))
        if header is not None:
            names.append(header[1])
        at = source.parent(at)
    return ".".join(reversed(names)) or "<module>"
