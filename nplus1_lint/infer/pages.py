"""Pages of fastapi-pagination: its functions run a COUNT and a SELECT, and read the rows as the page's schema does.

Sources: its documentation, "SQLAlchemy", "Items Transformer", "Customization", "Custom Page"; measured with 0.12.24,
0.13.3, 0.15.0 and 0.16.1: the schema reads the rows of an ``AsyncSession`` in the session's greenlet, where a lazy load
is a statement like any other; a transformer of `apaginate` runs outside of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.infer import greenlets, sessions
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.frame import Arguments
from nplus1_lint.infer.joins import item_of, join_all
from nplus1_lint.infer.sql import statement
from nplus1_lint.infer.values import NONE, ClassRef, Many, Session, Statement, Value, many, of

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame, Place, Val

PAGINATES: Final = frozenset({"paginate", "apaginate"})
_SQL: Final = ("sqlalchemy", "sqlmodel")  # async_sqlalchemy, sqlalchemy_future and async_sqlmodel too
_SQLMODEL: Final = "sqlmodel"


def external_call(frame: Frame, name: str, last: str, arguments: Arguments, place: Place) -> Val | None:
    """Call a name of fastapi-pagination; None for what makes no page.

    Args:
        frame: the running function.
        name: dotted, ``fastapi_pagination.ext.sqlalchemy.paginate``.
        last: its last part.
        arguments: of the call.
        place: the call.
    """
    if last in PAGINATES:
        parts = name.split(".")
        extension = parts[-2] if len(parts) > 2 and parts[-3] == "ext" else ""
        if extension.endswith(_SQL) or extension == "sqlalchemy_future":
            return _of_query(frame, extension, last, arguments, place)
        return _of_items(frame, arguments, place, at="sequence") if not extension else None
    if last in ("create_page", "create") or last.endswith("Page"):
        return _of_items(frame, arguments, place, at="items")
    return None


def _of_query(frame: Frame, extension: str, last: str, arguments: Arguments, place: Place) -> Val | None:
    """``paginate(session, select(Hero))``; an old ``paginate(session.query(Hero))`` has no session of its own."""
    first = arguments.positional[0] if arguments.positional else None
    bound = first is not None and any(s.style in ("query", "flask-query") for s in first[0].only(Statement))
    conn = None if bound else arguments.get(0, "session" if extension.endswith(_SQLMODEL) else "conn")
    at = 0 if bound else 1
    query = arguments.get(at, "query")
    if query is None:
        return None
    opened = conn[0].first(Session) if conn is not None else None
    awaited = last == "apaginate" or extension.startswith("async")
    is_async = opened.is_async if opened is not None else awaited
    if query[0].first(Statement) is None and query[0].first(ClassRef) is not None:
        query = statement(frame, "select", Arguments((query,), {}))  # SQLModel's takes the class itself
    written = arguments.exprs[at : at + 1] or tuple(e for n, e in arguments.keyword_exprs if n == "query")
    asked = Arguments((query,), {}, exprs=written)
    page, mask = sessions.session_execute(frame, is_async, conn[1] if conn is not None else 0, "paginate", asked, place)
    rows = join_all([item_of(of(atom)) for atom in page.atoms])
    inside = is_async and extension.endswith(_SQLMODEL)  # it does all in `run_sync`
    return _made(frame, greenlets.inside(rows) if inside else rows, mask | arguments.mask, arguments, place)


def _of_items(frame: Frame, arguments: Arguments, place: Place, at: str) -> Val | None:
    """``paginate(rows)``, ``create_page(rows, total=…)``, ``Page.create(rows, params)``: a page of what there is."""
    given = arguments.get(0, at)
    if given is None:
        return None
    if arguments.exprs and arguments.positional:
        item, mask = frame.iterate_expr(arguments.exprs[0], given)
    else:
        item, mask = frame.iterate(given, place)
    made, depends = _made(frame, item, mask | arguments.mask, arguments, place)
    return many(item_of(made), "page"), depends


def _made(frame: Frame, row: Value, mask: int, arguments: Arguments, place: Place) -> Val:
    """A page of rows, gone through ``transformer=``, which is given all of them at once."""
    transformer = arguments.keywords.get("transformer")
    if transformer is None or transformer[0] == NONE:
        return many(row, lib.MADE_PAGE), mask
    rows = (many(row, "rows"), mask)
    result, depends = frame.call(transformer, Arguments((rows,), {}), place)
    return many(item_of(result), lib.MADE_PAGE), mask | depends


def read_by_schema(value: Value) -> Value:
    """Return what a handler returns as the schema of its page reads it: in the session's greenlet.

    Args:
        value: what it returns, a page or anything else.
    """
    made = any(type(atom) is Many and atom.kind == lib.MADE_PAGE for atom in value.atoms)
    return greenlets.inside(value) if made else value
