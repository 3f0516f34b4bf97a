"""The facts of one Jinja template: its text, blocks and macros as functions of the same small IR as Python's.

A part's parameters are the names that it takes from its context. Names that no Jinja identifier can be (they hold
spaces) stand for other parts and are parameters too: ``block - content`` is the block `content`, whichever template
defines it last. `link_name` writes them and `linked` reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nplus1_lint.index.facts import FunctionFacts

TEMPLATE = "<template>"
"""The name of a template's text outside of its blocks and macros."""

BLOCKS = "<blocks>"
"""The name of what stands for a base that is not in the project: it runs the blocks that it is given."""

VERBS = frozenset({"block", "super", "macro", "extends", "include", "include-alone", "import", "import-with-context"})


class Link(NamedTuple):
    """A reference to another part.

    Attributes:
        verb: one of `VERBS`; ``block``, ``super`` and ``macro`` stay inside the template and those that it extends.
        member: the block or macro, or an empty string.
        targets: names of templates, of which the first that exists is meant.
    """

    verb: str
    member: str
    targets: tuple[str, ...]


def link_name(verb: str, member: str = "", targets: tuple[str, ...] = ()) -> str:
    """Return the name that stands for another part."""
    return f"{verb} {member or '-'} " + "\n".join(targets)


def linked(name: str) -> Link | None:
    """Return what a name refers to, or None for a name of the template's own."""
    verb, _, rest = name.partition(" ")
    if not rest or verb not in VERBS:
        return None
    member, _, targets = rest.partition(" ")
    return Link(verb, "" if member == "-" else member, tuple(targets.split("\n")) if targets else ())


class TemplateFacts(NamedTuple):
    """All that the analysis knows of one template.

    Attributes:
        path: project path, forward slashes.
        parts: its text (named `TEMPLATE`), then its blocks (``block NAME``) and macros (``macro NAME``).
        extends: names of the template that it extends, the first that exists; empty for none.
        complete: everything in it is understood, so that what it does not read is not read.
        error: why it has no parts, or an empty string.
    """

    path: str
    parts: tuple[FunctionFacts, ...]
    extends: tuple[str, ...] = ()
    complete: bool = True
    error: str = ""
