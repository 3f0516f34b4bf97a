"""The rules: one class each, in one explicit tuple."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.rules.async_lazy_load import AsyncLazyLoad
from nplus1_lint.rules.base import Example, Proof, Rule
from nplus1_lint.rules.cannot_parse import CannotParse
from nplus1_lint.rules.cascading_eager_load import CascadingEagerLoad
from nplus1_lint.rules.commit_in_loop import CommitInLoop
from nplus1_lint.rules.count_for_existence import CountForExistence
from nplus1_lint.rules.count_in_loop import CountInLoop
from nplus1_lint.rules.eager_row_explosion import EagerRowExplosion
from nplus1_lint.rules.filter_in_python import FilterInPython
from nplus1_lint.rules.get_in_loop import GetInLoop
from nplus1_lint.rules.lazy_load_in_loop import LazyLoadInLoop
from nplus1_lint.rules.lazy_load_in_serializer import LazyLoadInSerializer
from nplus1_lint.rules.lazy_load_in_template import LazyLoadInTemplate
from nplus1_lint.rules.len_of_all import LenOfAll
from nplus1_lint.rules.len_of_relationship import LenOfRelationship
from nplus1_lint.rules.loader_misuse import LoaderMisuse
from nplus1_lint.rules.loop_invariant_query import LoopInvariantQuery
from nplus1_lint.rules.missing_index import MissingIndex
from nplus1_lint.rules.query_in_callee import QueryInCallee
from nplus1_lint.rules.query_in_loop import QueryInLoop
from nplus1_lint.rules.redundant_requery import RedundantRequery
from nplus1_lint.rules.reload_in_loop import ReloadInLoop
from nplus1_lint.rules.repeated_count import RepeatedCount
from nplus1_lint.rules.repeated_query import RepeatedQuery
from nplus1_lint.rules.unused_eager_load import UnusedEagerLoad
from nplus1_lint.rules.unused_loader_option import UnusedLoaderOption
from nplus1_lint.rules.unused_suppression import UnusedSuppression
from nplus1_lint.rules.write_in_loop import WriteInLoop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.findings import Suspect
    from nplus1_lint.infer.analysis import Analysis

RULES: Final[tuple[type[Rule], ...]] = (
    CountInLoop,
    GetInLoop,
    QueryInLoop,
    LazyLoadInLoop,
    QueryInCallee,
    ReloadInLoop,
    WriteInLoop,
    CommitInLoop,
    LazyLoadInSerializer,
    LazyLoadInTemplate,
    UnusedEagerLoad,
    UnusedLoaderOption,
    CascadingEagerLoad,
    RedundantRequery,
    LenOfRelationship,
    EagerRowExplosion,
    LoaderMisuse,
    LenOfAll,
    CountForExistence,
    FilterInPython,
    RepeatedQuery,
    LoopInvariantQuery,
    MissingIndex,
    RepeatedCount,
    AsyncLazyLoad,
    UnusedSuppression,
    CannotParse,
)

# A site that runs several kinds of statement per iteration gets one finding, by the first of these.
PRIMARY: Final = (
    "NP501", "NP101", "NP102", "NP103", "NP105", "NP104", "NP109", "NP106", "NP108", "NP107", "NP305", "NP304",
)  # fmt: skip
# Behind them, what the rows are fetched for: with the repetition gone, it is asked anew.
_RANKED: Final = (*PRIMARY, "NP205", "NP301", "NP302", "NP303")


def find_suspects(analysis: Analysis, rules: Iterable[type[Rule]] = RULES) -> tuple[Suspect, ...]:
    """Apply rules to the inferred facts.

    Args:
        analysis: the facts.
        rules: rule classes.

    Returns:
        The suspects, sorted by place and code; a site that repeats several statements has one, with the primary code.
    """
    found = [suspect for rule in rules for suspect in rule().suspects(analysis)]
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


__all__ = ["PRIMARY", "RULES", "Example", "Proof", "Rule", "find_suspects"]
