"""Suspects become findings: each is found again on its exact node, checked, fingerprinted and given its rewrite."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from nplus1_lint.findings import (
    Applicability,
    BatchPlan,
    CalleePlan,
    FetchPlan,
    Finding,
    ForeignKeyPlan,
    InternalError,
    LoaderPlan,
    LoopPlan,
    OptionsPlan,
    Pos,
    StrategyPlan,
    Suggestion,
    Suspect,
)
from nplus1_lint.flag import (
    aggregate,
    batch,
    behind_loop,
    callee,
    fetch_less,
    foreign_key,
    hoist,
    loader_edit,
    loader_option,
    options,
    reload,
)
from nplus1_lint.flag.pattern import in_loop, mismatch
from nplus1_lint.flag.rewrite import Context
from nplus1_lint.flag.source import SourceFiles, SourceText
from nplus1_lint.flag.visitor import KINDS, REPEATERS, Located, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from nplus1_lint.failures import Failures


T = TypeVar("T")


def flag_all(
    suspects: Sequence[Suspect],
    read_source: Callable[[str], str],
    rule_names: Mapping[str, str],
    failures: Failures | None = None,
) -> tuple[Finding, ...]:
    """Turn suspects into findings.

    Args:
        suspects: what the rules said, in any order.
        read_source: gives a file's decoded text by its project path.
        rule_names: each code's rule name.
        failures: as for `nplus1_lint.flag.flag`.

    Returns:
        One finding per suspect with which nothing went wrong, in report order.

    Raises:
        InternalError: a suspect's node is not where it was said to be, or does not carry the rule's pattern.
    """
    by_path: dict[str, list[Suspect]] = defaultdict(list)
    for suspect in suspects:
        by_path[suspect.path].append(suspect)
    files = SourceFiles(read_source)
    findings = [
        one for path, group in by_path.items() for one in flag_file(files, path, group, rule_names, failures)[0]
    ]
    return tuple(sorted(findings, key=lambda finding: finding.sort_key))


def flag_file(
    files: SourceFiles,
    path: str,
    suspects: Iterable[Suspect],
    rule_names: Mapping[str, str],
    failures: Failures | None = None,
) -> tuple[tuple[Finding, ...], bool]:
    """Turn the suspects of one file into findings, in the order of the file; for the rest see `flag_all`.

    Returns:
        The findings, and whether nothing went wrong.
    """
    before = len(failures) if failures is not None else 0
    contexts = confirm(files, path, suspects, failures)
    contexts.sort(key=lambda context: (context.found.place, context.suspect.code))
    seen: Counter[str] = Counter()
    findings = tuple(_finding(context, rule_names, seen, failures) for context in contexts)
    return findings, failures is None or len(failures) == before


def confirm(
    files: SourceFiles, path: str, suspects: Iterable[Suspect], failures: Failures | None = None
) -> list[Context]:
    """Find the suspects of one file again, with one parse for all that share a statement.

    Args:
        files: the texts of the project.
        path: project path of the file.
        suspects: what the rules said about it.
        failures: as for `nplus1_lint.flag.flag`.

    Returns:
        Each suspect on its node, in the order of the file.

    Raises:
        InternalError: a node is not where it was said to be, or does not carry the rule's pattern.
    """
    source = files[path]
    runs: list[tuple[tuple[int, int], Suspect]] = []
    for suspect in suspects:
        run = _attempt(failures, suspect, "finding", partial(_run, source, suspect))
        if run is not None:
            runs.append((run, suspect))
    runs.sort(key=lambda pair: (pair[0][0], -pair[0][1]))
    contexts: list[Context] = []
    region: Region | None = None
    for run, suspect in runs:
        if region is None or run[1] > region.last:
            region = source.region(*run)
        found = _attempt(failures, suspect, "finding", partial(_located, region, suspect))
        if found is not None:
            contexts.append(Context(suspect, found, region, files))
    return contexts


def _attempt(failures: Failures | None, suspect: Suspect, what: str, compute: Callable[[], T]) -> T | None:
    """Return what is computed for a suspect; None where that fails."""
    try:
        return compute()
    except OSError:  # a file has vanished
        raise
    except Exception as error:
        if failures is None:
            raise
        failures.note(suspect.path, suspect.pos.line, f"{what} {suspect.code}", error)
        return None


def _run(source: SourceText, suspect: Suspect) -> tuple[int, int]:
    """The whole statements that must be parsed for a suspect, first and last line."""
    first, last = _lines(suspect)
    run = source.statements(first, last) if 0 < first <= last <= len(source.starts) else None
    if run is None:
        raise _lost(suspect, "no statement stands there")
    return run


def _lines(suspect: Suspect) -> tuple[int, int]:
    """The lines that must be parsed to confirm a suspect and to write its rewrite."""
    places: list[Pos] = [suspect.pos]
    if isinstance(suspect.plan, BatchPlan):
        plan = suspect.plan
        places += [plan.loop, *(key.value for key in plan.keys)]
        places += [place for place in (plan.iterable, plan.session) if place is not None]
    elif isinstance(suspect.plan, (CalleePlan, LoopPlan)):
        places.append(suspect.plan.loop)
    elif suspect.code == "NP101":
        places.append(suspect.scope)
    return min(place.line for place in places), max(place.end_line for place in places)


def _located(region: Region, suspect: Suspect) -> Located:
    found = region.find(suspect.pos, KINDS[suspect.node])
    if found is None:
        raise _lost(suspect, f"no {suspect.node.value} begins and ends there")
    missing = mismatch(region, found, suspect)
    if missing:
        raise _lost(suspect, missing)
    if isinstance(suspect.plan, (BatchPlan, CalleePlan, LoopPlan)):
        loop = region.find(suspect.plan.loop, REPEATERS)
        if loop is None or not in_loop(found, loop.node):
            raise _lost(suspect, f"the loop of its plan (line {suspect.plan.loop.line}) does not repeat it")
    return found


def _lost(suspect: Suspect, reason: str) -> InternalError:
    return InternalError(
        f"{suspect.path}:{suspect.pos.line}: {suspect.code} was concluded for column {suspect.pos.column + 1}, but "
        f"{reason}; please report this as a bug of nplus1-lint"
    )


def _finding(context: Context, rule_names: Mapping[str, str], seen: Counter[str], failures: Failures | None) -> Finding:
    suspect = context.suspect
    return Finding(
        code=suspect.code,
        name=rule_names[suspect.code],
        severity=suspect.severity,
        confidence=suspect.confidence,
        path=suspect.path,
        span=context.found.span,
        function=suspect.function,
        message=suspect.message,
        evidence=suspect.evidence,
        suggestion=_attempt(failures, suspect, "rewriting", partial(_suggestion, context)),
        fingerprint=_fingerprint(context, seen),
        also_in=suspect.also_in,
    )


def _fingerprint(context: Context, seen: Counter[str]) -> str:
    """A name for the finding that survives edits elsewhere in the file: no line numbers in it."""
    suspect = context.suspect
    node = re.sub(r"\s+", "", context.region.code(context.found.node))
    identity = "\0".join((suspect.code, suspect.path, suspect.function, suspect.discriminator, node))
    ordinal = seen[identity]
    seen[identity] += 1
    return hashlib.sha256(f"{identity}\0{ordinal}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _suggestion(context: Context) -> Suggestion | None:
    plan, advice = context.suspect.plan, context.suspect.advice
    made: Suggestion | None = None
    if isinstance(plan, LoaderPlan):
        made = loader_option.rewrite(context, plan)
    elif isinstance(plan, OptionsPlan):
        made = options.rewrite(context, plan)
    elif isinstance(plan, ForeignKeyPlan):
        made = foreign_key.rewrite(context, plan)
    elif isinstance(plan, CalleePlan):
        made = callee.rewrite(context, plan)
    elif isinstance(plan, FetchPlan):
        made = fetch_less.rewrite(context, plan)
    elif isinstance(plan, StrategyPlan):
        made = loader_edit.rewrite(context, plan)
    elif isinstance(plan, LoopPlan):
        makers = {"query": hoist.rewrite, "refresh": reload.rewrite, "expired": reload.rewrite}
        made = makers.get(plan.what, behind_loop.rewrite)(context, plan)
    elif isinstance(plan, BatchPlan):
        made = aggregate.rewrite(context, plan) if plan.aggregate else batch.rewrite(context, plan)
    if made is None and advice:
        title, _, code = advice.partition("\n")
        return Suggestion(title, code, Applicability.DISPLAY)
    return made
