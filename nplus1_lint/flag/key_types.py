"""Keys that Python would not find: text where the column holds others, which the database alone takes for the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Pos
from nplus1_lint.flag.names import reads, targets, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.findings import Key
    from nplus1_lint.flag.visitor import Region

_UUID: Final = re.compile(r"^(?:uuid\.)?(?:UUID|uuid\d)\(")
_WRITTEN: Final = re.compile(r"""^(?:str\(|[rRfF]{0,2}["'])""")
_SPLIT: Final = re.compile(r"\.split(?:lines)?\([^()]*\)$")
_TEXT: Final = re.compile(r"\bstr\b")
_NO_TEXT: Final = re.compile(r"\b(?:int|Any|[dD]ict|Mapping|[tT]uple)\b")
_COPIES: Final = frozenset({"list", "reversed", "set", "sorted", "tuple"})


def misses(region: Region, loop: cst.CSTNode, key: Key, value: cst.CSTNode) -> bool:
    """True if Python would, or might well, not find what the database finds by a value.

    Args:
        region: the parsed statements.
        loop: the loop, or the function whose parameter is to become many.
        key: the criterion.
        value: what is compared with the column.

    Returns:
        False where the value is of the column's type as far as is known.
    """
    if key.text:
        return not _surely(region, loop, value, _UUID, re.compile(r"\bUUID"), _TEXT)
    return key.integer and _surely(region, loop, value, _WRITTEN, _TEXT, _NO_TEXT)


def _surely(
    region: Region, loop: cst.CSTNode, value: cst.CSTNode, made: re.Pattern[str], named: re.Pattern[str],
    other: re.Pattern[str],
) -> bool:  # fmt: skip
    """True if the code around a value says of which type it is: the expression that makes it, or an annotation."""
    if made.search(region.code(value)):
        return True
    if not isinstance(value, cst.Name):
        return False
    given = [
        one.value
        for one in walk(loop)
        if isinstance(one, cst.Assign) and any(value.value in targets(target.target) for target in one.targets)
    ]
    if given:
        return all(made.search(region.code(one)) for one in given)
    repeaters = [one for one in walk(loop) if isinstance(one, (cst.For, cst.CompFor))]
    iterated = [one.iter for one in repeaters if value.value in targets(one.target)]
    if iterated and all(_SPLIT.search(region.code(one)) for one in iterated):
        return made is _WRITTEN
    names = {value.value} if not iterated else set[str]().union(*map(reads, iterated))
    names -= _COPIES
    return bool(names) and names <= set(_annotated(region, loop, named, other))


def _annotated(region: Region, node: cst.CSTNode, named: re.Pattern[str], other: re.Pattern[str]) -> Iterator[str]:
    """The parameters and variables of the function around a node whose annotations name one type and not another."""
    source = region.source
    place = Pos(*region.place(node))
    at = source.index(place.line)
    first, last = source.function(at) if at is not None else (place.line, place.end_line)
    run = source.statements(first, last)
    around = source.region(*run) if run is not None else region
    for here in walk(around.module):
        target = here.name if isinstance(here, cst.Param) else here.target if isinstance(here, cst.AnnAssign) else None
        annotation = here.annotation if isinstance(here, (cst.Param, cst.AnnAssign)) else None
        if isinstance(target, cst.Name) and annotation is not None:
            written = around.code(annotation.annotation)
            if named.search(written) and not other.search(written):
                yield target.value
