"""Loader options one by one: which relationship each loads, how, and where it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.infer import library as lib

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame, Place
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link.hierarchy import Hierarchy


class Loader(NamedTuple):
    """One step of a loader option, such as ``.joinedload(B.c)`` in ``selectinload(A.bs).joinedload(B.c)``.

    Attributes:
        root: id of the class from which the path starts, or an empty string.
        path: relationships from the root, the loaded one last.
        strategy: the option's name, ``selectinload``.
        site: where the relationship is named, or the option stands.
        is_attribute: it is named as ``A.bs`` there, not by a string, a variable or a loop.
    """

    root: str
    path: tuple[str, ...]
    strategy: str
    site: Site
    is_attribute: bool


Loaders = tuple[Loader, ...]
NO_LOADERS: Loaders = ()


def made(
    frame: Frame,
    root: str,
    prefix: str,
    strategy: str,
    arguments: Arguments,
    position: int,
    before: Loaders,
    call: Place,
) -> Loaders:
    """Return the loaders of an option after one more of its arguments.

    Args:
        frame: the running function.
        root: id of the class from which the option starts.
        prefix: the dotted path that the argument has reached.
        strategy: the option's name.
        arguments: the option's arguments.
        position: which of them.
        before: the loaders so far.
        call: where the option stands.
    """
    if strategy not in lib.EAGER_OPTIONS and strategy not in lib.OFF_OPTIONS:
        return before
    written = arguments.exprs[position] if position < len(arguments.exprs) else None
    place = getattr(written, "pos", None) or call
    loader = Loader(root, tuple(prefix.split(".")), strategy, frame.site(place), isinstance(written, f.Attr))
    return combined(before, (loader,))


def combined(earlier: Loaders, later: Loaders) -> Loaders:
    """Return two lots of loaders; a later one overrides an earlier one on the same path."""
    overridden = {(loader.root, loader.path) for loader in later}
    return (*(loader for loader in earlier if (loader.root, loader.path) not in overridden), *later)


def below(outer: Loaders, root: str, prefix: str, inner: Loaders) -> Loaders:
    """Return loaders with further ones that hold below a path."""
    head = tuple(prefix.split(".")) if prefix else ()
    moved = tuple(loader._replace(root=root, path=(*head, *loader.path)) for loader in inner)
    return combined(outer, moved)


def for_entity(hierarchy: Hierarchy, loaders: Loaders, model: str) -> Loaders:
    """Return the loaders that concern one of a statement's entities: those that start from its class or its family."""
    family = {"", *(cls.id for cls in hierarchy.mro(model)), *hierarchy.descendants(model)}
    return tuple(loader for loader in loaders if loader.root in family)
