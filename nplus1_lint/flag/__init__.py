"""Flag: the exact node of each suspect is found again by a libcst visitor, which also writes the rewrite.

libcst is imported only when there is a suspect, so that a clean run does not pay for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nplus1_lint.cache.store import Store
    from nplus1_lint.failures import Failures
    from nplus1_lint.findings import Finding, Suspect

__all__ = ["flag"]


def flag(
    suspects: Sequence[Suspect],
    read_source: Callable[[str], str],
    rule_names: Mapping[str, str],
    store: Store | None = None,
    failures: Failures | None = None,
) -> tuple[Finding, ...]:
    """Turn suspects into findings on exact nodes.

    Args:
        suspects: what the rules said, in any order.
        read_source: gives a file's decoded text by its project path.
        rule_names: each code's rule name.
        store: what former runs have kept; nothing in the findings depends on it.
        failures: takes what goes wrong with a suspect, so that the others are flagged; without it, it is raised.

    Returns:
        One finding per suspect with which nothing went wrong, in report order.

    Raises:
        InternalError: a suspect's node is not where it was said to be, or does not carry the rule's pattern.
    """
    if not suspects:
        return ()
    if store is not None:
        from nplus1_lint.flag.cache import flag_what_is_new

        return flag_what_is_new(suspects, read_source, rule_names, store, failures)
    from nplus1_lint.flag.apply import flag_all

    return flag_all(suspects, read_source, rule_names, failures)
