"""Which comments silence which findings."""

from __future__ import annotations

from typing import Any

import pytest

from nplus1_lint.findings import Confidence, Finding, Severity, Span
from nplus1_lint.flag.suppress import apply_suppressions
from nplus1_lint.index.extract import extract
from nplus1_lint.index.facts import Suppression


def finding(code: str = "NP101", line: int = 10, end_line: int = 12, path: str = "a.py") -> Finding:
    span = Span(line, 5, end_line, 9)
    return Finding(
        code, "count-in-loop", Severity.ERROR, Confidence.HIGH, path, span, "f", "message", (), None, "print"
    )


def comment(line: int, last_line: int | None = None, comment_line: int | None = None, **changes: Any) -> Suppression:
    values = {"codes": ("NP101",), "kind": "noqa", "reason": "", **changes}
    return Suppression(
        line, last_line or line, values["codes"], values["kind"], values["reason"], comment_line or line, 0
    )


@pytest.mark.parametrize(
    ("given", "silenced"),
    [
        (comment(10), True),
        (comment(12), True),
        (comment(9), False),
        (comment(11), False),
        (comment(8, 14, comment_line=14), True),
        (comment(8, 9, comment_line=9), False),
        (comment(10, codes=()), True),
        (comment(10, codes=("NP102", "NP101")), True),
        (comment(10, codes=("E501",)), False),
        (comment(10, kind="ignore"), True),
        (comment(10, kind="no-query", codes=()), False),
    ],
)
def test_place_and_codes_decide(given: Suppression, silenced: bool) -> None:
    shown, hidden = apply_suppressions([finding()], {"a.py": (given,)})
    assert (len(shown), len(hidden)) == ((0, 1) if silenced else (1, 0))


def test_only_comments_of_the_same_file_count() -> None:
    shown, hidden = apply_suppressions([finding()], {"b.py": (comment(10),)})
    assert shown == (finding(),)
    assert hidden == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (comment(10, codes=()), "noqa"),
        (comment(10), "noqa: NP101"),
        (comment(10, kind="ignore", reason="three rows at most"), "nplus1: ignore[NP101] three rows at most"),
        (comment(10, kind="ignore", codes=()), "nplus1: ignore"),
    ],
)
def test_a_silenced_finding_names_its_comment(given: Suppression, words: str) -> None:
    _, hidden = apply_suppressions([finding()], {"a.py": (given,)})
    assert [f.suppressed_by for f in hidden] == [words]


@pytest.mark.parametrize(
    ("source", "line", "silenced"),
    [
        ("x = 1\ncount(a)  # noqa: NP101\n", 2, True),
        ("count(a)  # NOQA\n", 1, True),
        ("count(a)  # noqa: E501, NP101\n", 1, True),
        ("count(a)  # noqa: E501\n", 1, False),
        ("count(a)  # noqa: NP102\n", 1, False),
        ("count(a)  # nplus1: ignore[NP101] few rows\n", 1, True),
        ("count(\n    a,\n)  # noqa: NP101\n", 1, True),
        ("total = [\n    count(a)\n    for a in rows\n]  # noqa: NP101\n", 2, True),
        ("# nplus1: ignore[NP101] few rows\ncount(a)\n", 2, True),
        ("for a in rows:\n    # nplus1: ignore[NP101] few rows\n    count(a)\n", 3, True),
        ("for a in rows:\n    # nplus1: ignore[NP101] few rows\n    count(a)\n    count(b)\n", 4, False),
        ("total = [\n    # nplus1: ignore[NP101] few rows\n    count(a)\n    for a in rows\n]\n", 3, True),
        ("@route  # nplus1: ignore[NP101] few rows\ndef f(a=count(b)):\n    pass\n", 2, True),
        ("count(a)\ncount(b)  # noqa: NP101\n", 1, False),
        ("for a in rows:\n    x = 1  # noqa\n    count(a)\n", 3, False),
        ("text = '# noqa: NP101'\n", 1, False),
    ],
)
def test_comments_as_they_stand_in_code(source: str, line: int, silenced: bool) -> None:
    comments = extract("a.py", source.encode()).suppressions
    _, hidden = apply_suppressions([finding(line=line, end_line=line)], {"a.py": comments})
    assert bool(hidden) is silenced
