"""Keys that Python would not find: text where the column holds UUIDs, which the database alone takes for the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Pos
from nplus1_lint.flag.names import reads, targets, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.flag.visitor import Region

_MADE: Final = re.compile(r"(?:uuid\.)?(?:UUID|uuid\d)\(")
_ANNOTATED: Final = re.compile(r"\bUUID")
_TEXT: Final = re.compile(r"\bstr\b")
_COPIES: Final = frozenset({"list", "reversed", "set", "sorted", "tuple"})


def surely(region: Region, loop: cst.CSTNode, value: cst.BaseExpression) -> bool:
    """True if the code around a value says that it is a UUID: by the call that makes it, or by an annotation.

    Args:
        region: the parsed statements.
        loop: the loop, or the function whose parameter is to become many.
        value: what is compared with a column of UUIDs.

    Returns:
        False where no such call or annotation is seen.
    """
    if _MADE.match(region.code(value)):
        return True
    if not isinstance(value, cst.Name):
        return False
    given = [
        one.value
        for one in walk(loop)
        if isinstance(one, cst.Assign) and any(value.value in targets(t.target) for t in one.targets)
    ]
    if given:
        return all(_MADE.match(region.code(one)) for one in given)
    iterated = [
        one.iter for one in walk(loop) if isinstance(one, (cst.For, cst.CompFor)) and value.value in targets(one.target)
    ]
    names = {value.value} if not iterated else set[str]().union(*map(reads, iterated))
    names -= _COPIES
    return bool(names) and names <= set(_annotated(region, loop))


def _annotated(region: Region, node: cst.CSTNode) -> Iterator[str]:
    """The parameters and variables of the function around a node whose annotations name the class."""
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
            if _ANNOTATED.search(written) and not _TEXT.search(written):
                yield target.value
