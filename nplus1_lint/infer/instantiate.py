"""A callee's effects in the terms of its caller: what its parameters depended on, its arguments depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.values import CAPTURE_BIT, LAST_PARAM, OWN_BIT, Session, Site

if TYPE_CHECKING:
    from nplus1_lint.infer.binding import Bound
    from nplus1_lint.infer.effects import Effect


_TRANSACTION = (Kind.COMMIT, Kind.FLUSH)


def passed_session(effect: Effect, bound: Bound) -> bool:
    """True if the callee commits a session that was an argument of the call, and that expires its rows."""
    return any(
        effect.session >> position & 1 and any(session.expires for session in value.only(Session))
        for position, value in enumerate(bound.values[: LAST_PARAM + 1])
    )


def instantiate(effect: Effect, bound: Bound, captured: int, site: Site, running: int) -> Effect:
    """Return a callee's effect as the call at *site* has it.

    Args:
        effect: in the bits of the callee's parameters.
        bound: the arguments that gave them.
        captured: the mask of what the callee has captured.
        site: the call.
        running: the bits of the loops around the call.
    """
    session = translate(effect.session, bound.masks, captured)
    if effect.session & OWN_BIT and effect.kind in _TRANSACTION:
        session |= OWN_BIT | running  # each iteration has a transaction of its own
    return effect._replace(
        deps=translate(effect.deps, bound.masks, captured),
        session=session,
        chain=(site, *effect.chain),
    )


def translate(mask: int, masks: tuple[int, ...], captured: int) -> int:
    """Turn a callee's parameter bits into what the arguments depend on."""
    if not mask:
        return 0
    translated = captured if mask & CAPTURE_BIT else 0
    for position, one in enumerate(masks):
        if mask >> min(position, LAST_PARAM) & 1:
            translated |= one
    return translated
