"""What import statements bind, read off their words: no parser runs here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.index.modules import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WORD: Final = re.compile(r"\w+|[.,*]")


class Import(NamedTuple):
    """One name that an import statement binds.

    Attributes:
        line: index of its logical line.
        module: the module named, relative ones resolved; None beyond the top.
        name: what is taken out of it; None for ``import MODULE``, ``*`` for all.
        bound: the name that the file gets.
        alone: no other statement stands on its logical line.
    """

    line: int
    module: str | None
    name: str | None
    bound: str
    alone: bool


def imports_in(path: str, line: int, code: str) -> Iterator[Import]:
    """Yield what the import statements of a logical line bind.

    Args:
        path: project path of the file.
        line: index of the logical line.
        code: its code without strings and comments.
    """
    statements = [words for part in code.split(";") if (words := _WORD.findall(part))]
    alone = len(statements) == 1
    for words in statements:
        if words[0] == "import":
            for whole, asname in _aliases(words[1:]):
                yield Import(line, whole, None, asname or whole.partition(".")[0], alone)
        elif words[0] == "from":
            cut = words.index("import")
            level = next((at for at, word in enumerate(words[1:cut]) if word != "."), cut - 1)
            module = absolute(path, "".join(words[1 + level : cut]), level)
            for name, asname in _aliases(words[cut + 1 :]):
                yield Import(line, module, name, asname or name, alone)


def _aliases(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The dotted names and what stands behind their ``as``, if anything."""
    at = 0
    while at < len(words):
        end = next((k for k in range(at, len(words)) if words[k] == ","), len(words))
        one = words[at:end]
        named = one.index("as") if "as" in one else len(one)
        if one:
            yield "".join(one[:named]), "".join(one[named + 1 :])
        at = end + 1
