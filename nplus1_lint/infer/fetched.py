"""Queries whose rows, or whose number of rows, are given to the code: noted where they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.effects import Fetch, Kind

if TYPE_CHECKING:
    from nplus1_lint.infer.effects import Query
    from nplus1_lint.infer.frame import Frame, Place
    from nplus1_lint.infer.values import Statement


def note(frame: Frame, atom: Statement, place: Place, kind: Kind, query: Query, subject: str) -> None:
    """Note a query of which something comes back.

    Args:
        frame: the running function.
        atom: the statement.
        place: the executing call.
        kind: what the statement does.
        query: how it is made.
        subject: id of the class that it asks about, or an empty string.
    """
    counts = kind is Kind.COUNT
    if query.style == "text" or not (counts or kind in (Kind.SELECT, Kind.GET)):
        return
    if counts and query.aggregate != "count":
        return
    flags = query.flags | {"unique"} if query.unique else query.flags
    models = (subject,) * bool(subject) if counts else query.rows
    frame.fetches.append(Fetch(frame.site(place), models, len(atom.entities), query.method, flags, counts))
