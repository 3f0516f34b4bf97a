"""Rows of an ``AsyncSession``: a read that would query works only in the session's greenlet, else it raises.

Source: SQLAlchemy, "Asynchronous I/O (asyncio)", Preventing Implicit IO when Using AsyncSession.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.effects import Misread
from nplus1_lint.infer.expiry import map_rows

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame, Place
    from nplus1_lint.infer.values import Row, Value


def misread(frame: Frame, atom: Row, attribute: str, place: Place, *, expired: bool = False) -> None:
    """Record a read that raises ``MissingGreenlet``.

    Args:
        frame: the running function.
        atom: the row, of an ``AsyncSession``.
        attribute: the relationship or column that is not loaded.
        place: the read.
        expired: a commit has expired the row.
    """
    origin = atom.origin.site if atom.origin is not None else None
    frame.misreads.append(
        Misread(frame.site(place), frame.scopes[-1], atom.model, attribute, origin, expired, frame.reader)
    )


def inside(value: Value) -> Value:
    """Return a value as code sees it that runs in the session's greenlet: every read may query."""
    return map_rows(value, lambda atom: atom._replace(is_async=False) if atom.is_async else atom)


def outside(value: Value) -> Value:
    """Return what such code gave, as the awaiting code sees it."""
    return map_rows(value, lambda atom: atom if atom.is_async else atom._replace(is_async=True))
