"""A new function's name, handed on wherever the name of the old one is: imports and ``__all__``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from nplus1_lint.findings import Edit, FileChange
from nplus1_lint.flag.imports import beside
from nplus1_lint.flag.names import walk

if TYPE_CHECKING:
    from nplus1_lint.findings import Callee
    from nplus1_lint.flag.source import SourceFiles, SourceText


def handed_on(files: SourceFiles, callee: Callee, name: str) -> tuple[FileChange, ...]:
    """Let a call reach a function that stands beside another as it reaches the other.

    Args:
        files: the texts of the project's files.
        callee: the function that the call reaches now, with the files that import it.
        name: the function beside it.

    Returns:
        The changes of these files, and of the function's own where that lists its names.
    """
    found = []
    for path, module in (*callee.imports, (callee.path, None)):
        imports = (f"from {module} import {name}",) if module is not None else ()
        edits = _listed(files[path], callee.name, name) if callee.imports else ()
        if imports or edits:
            found.append(FileChange(path, edits, imports))
    return tuple(found)


def _listed(source: SourceText, present: str, name: str) -> tuple[Edit, ...]:
    """Put a name behind another in a file's ``__all__``; nothing where that does not list the other."""
    for number, line in enumerate(source.logical):
        if line.indent or line.word != "__all__":
            continue
        region = source.region(number, number)
        lists = (node for node in walk(region.module) if isinstance(node, (cst.List, cst.Tuple)))
        texts = [one.value for node in lists for one in node.elements if isinstance(one.value, cst.SimpleString)]
        values = [text.evaluated_value for text in texts]
        if name not in values and present in values:
            at = values.index(present)
            last = at + 1 == len(texts)
            new = texts[at].value.replace(present, name)
            offset, text = beside(region, texts[at if last else at + 1], new, last=last)
            return (Edit(offset, offset, text),)
    return ()
