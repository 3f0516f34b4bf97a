"""The rules: one class each, listed by code and name in one table.

A rule's name says where it is: ``count-in-loop`` is the class ``CountInLoop`` of `nplus1_lint.rules.count_in_loop`.
The classes, and inference with them, are imported when they are asked for: a run that analyses nothing does without.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.failures import Failures
    from nplus1_lint.findings import Suspect
    from nplus1_lint.infer.analysis import Analysis

    RULES: tuple[type[Rule], ...]

NAMES: Final = {
    "NP101": "count-in-loop",
    "NP102": "get-in-loop",
    "NP103": "query-in-loop",
    "NP104": "lazy-load-in-loop",
    "NP105": "query-in-callee",
    "NP106": "reload-in-loop",
    "NP107": "write-in-loop",
    "NP108": "commit-in-loop",
    "NP109": "lazy-load-in-serializer",
    "NP110": "lazy-load-in-template",
    "NP201": "unused-eager-load",
    "NP202": "unused-loader-option",
    "NP203": "cascading-eager-load",
    "NP204": "redundant-requery",
    "NP205": "len-of-relationship",
    "NP206": "eager-row-explosion",
    "NP207": "loader-misuse",
    "NP301": "len-of-all",
    "NP302": "count-for-existence",
    "NP303": "filter-in-python",
    "NP304": "repeated-query",
    "NP305": "loop-invariant-query",
    "NP401": "missing-index",
    "NP402": "repeated-count",
    "NP501": "async-lazy-load",
    "NP901": "unused-suppression",
    "NP902": "cannot-parse",
}
"""The name of each rule by its code, in the order in which they are applied."""

# A site that runs several kinds of statement per iteration gets one finding, by the first of these.
PRIMARY: Final = (
    "NP501", "NP101", "NP102", "NP103", "NP105", "NP104", "NP109", "NP106", "NP108", "NP107", "NP305", "NP304",
)  # fmt: skip
# Behind them, what the rows are fetched for: with the repetition gone, it is asked anew.
_RANKED: Final = (*PRIMARY, "NP205", "NP301", "NP302", "NP303")


def __getattr__(name: str) -> Any:
    if name != "RULES":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _classes()


@cache
def _classes() -> tuple[type[Rule], ...]:
    return tuple(_class_of(name) for name in NAMES.values())


def _class_of(name: str) -> type[Rule]:
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    found: type[Rule] = getattr(module, name.title().replace("-", ""))
    return found


def find_suspects(
    analysis: Analysis, rules: Iterable[type[Rule]] | None = None, failures: Failures | None = None
) -> tuple[Suspect, ...]:
    """Apply rules to the inferred facts.

    Args:
        analysis: the facts.
        rules: rule classes; all of them by default.
        failures: takes what goes wrong in a rule, so that the others are applied; without it, it is raised.

    Returns:
        The suspects, sorted by place and code; a site that repeats several statements has one, with the primary code.
    """
    found: list[Suspect] = []
    for rule in _classes() if rules is None else rules:
        try:
            found += rule().suspects(analysis)
        except Exception as error:
            if failures is None:
                raise
            failures.note(".", 1, f"applying {rule.code}", error)
    best: dict[tuple[str, tuple[int, ...]], Suspect] = {}
    others: list[Suspect] = []
    for suspect in found:
        if suspect.code not in _RANKED:
            others.append(suspect)
            continue
        site = (suspect.path, tuple(suspect.pos))
        present = best.get(site)
        if present is None or _RANKED.index(suspect.code) < _RANKED.index(present.code):
            best[site] = suspect
    return tuple(sorted([*best.values(), *others], key=lambda s: (s.path, s.pos, s.code, s.discriminator)))


__all__ = ["NAMES", "PRIMARY", "RULES", "Example", "Proof", "Rule", "find_suspects"]
