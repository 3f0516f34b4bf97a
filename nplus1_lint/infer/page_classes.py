"""Classes of fastapi-pagination's pages, and those of a project upon them.

Sources: its documentation, "Customization" and "Custom Page".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.joins import item_of
from nplus1_lint.infer.values import UNKNOWN, many
from nplus1_lint.link.symbols import ClassSymbol, ExternalSymbol, GlobalSymbol

if TYPE_CHECKING:
    from nplus1_lint.infer.arguments import Arguments
    from nplus1_lint.infer.state import Val
    from nplus1_lint.link import Project

ROOT: Final = "fastapi_pagination"
_DEPTH: Final = 4


def is_page(project: Project, path: str, written: f.Expr, depth: int = _DEPTH) -> bool:
    """True if an expression names a class of pages: its own, one customised, or a class of the project upon one.

    Args:
        project: the linked project.
        path: the module in which the expression stands.
        written: the expression.
        depth: how many assignments are followed.
    """
    if depth == 0:
        return False
    if isinstance(written, f.Subscript):
        return is_page(project, path, written.value, depth)
    if isinstance(written, f.Call) and isinstance(written.func, f.Attr):
        customised = written.func.name.startswith("with_")  # Page.with_custom_options(…), Page.with_params(…)
        return customised and is_page(project, path, written.func.value, depth)
    if not isinstance(written, (f.Name, f.Attr)):
        return False
    symbol = project.hierarchy.resolve_expr(path, written)
    if isinstance(symbol, ExternalSymbol):
        return is_page_name(symbol.name)
    if isinstance(symbol, ClassSymbol):
        return is_page_class(project, symbol.id)
    if isinstance(symbol, GlobalSymbol):
        values = project.symbols.modules[symbol.path].assigns.get(symbol.name, [])
        return bool(values) and is_page(project, symbol.path, values[-1], depth - 1)
    return False


def is_page_name(name: str) -> bool:
    """True for the dotted name of a class of pages: ``Page``, ``CursorPage``, ``CustomizedPage``."""
    root, last = lib.root_and_last(name)
    return root == ROOT and last.endswith("Page")


def is_page_class(project: Project, class_id: str) -> bool:
    """True for a class of the project that extends a class of pages."""
    return class_id in project.hierarchy.classes and any(map(is_page_name, project.hierarchy.external_bases(class_id)))


def argument_of(project: Project, class_id: str) -> tuple[str, f.Expr] | None:
    """Return the base ``Page[HeroOut]`` of a class, with its module; None for other classes."""
    if not is_page_class(project, class_id):
        return None
    for cls in project.hierarchy.mro(class_id):
        for base in cls.facts.bases:
            if isinstance(base, f.Subscript) and is_page_name(
                project.hierarchy.external_name(cls.path, base.value) or ""
            ):
                return cls.path, base
    return None


def is_customised(project: Project, path: str, head: f.Expr) -> bool:
    """True for the head of ``CustomizedPage[Page[T], UseName("HeroPage")]``, whose first argument is the page."""
    name = project.hierarchy.external_name(path, head) or ""
    return is_page_name(name) and lib.root_and_last(name)[1] == "CustomizedPage"


def created(arguments: Arguments) -> Val:
    """``HeroPage(items=rows)``, ``HeroPage.create(rows)`` of a class of the project: a page of what it is given."""
    given = arguments.get(0, "items")
    return (many(item_of(given[0]), "page") if given is not None else UNKNOWN), arguments.mask
