"""A callee's effects in the terms of its caller: what its parameters depended on, its arguments depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.values import CAPTURE_BIT, PARAM_BITS, Session, Site

if TYPE_CHECKING:
    from nplus1_lint.infer.binding import Bound
    from nplus1_lint.infer.effects import Effect


def passed_session(effect: Effect, bound: Bound) -> bool:
    """True if the callee commits a session that was an argument of the call, and that expires its rows."""
    return any(
        effect.session >> position & 1 and any(session.expires for session in value.only(Session))
        for position, value in enumerate(bound.values[: PARAM_BITS - 1])
    )


def instantiate(effect: Effect, bound: Bound, captured: int, site: Site) -> Effect:
    """Return a callee's effect as the call at *site* has it.

    Args:
        effect: in the bits of the callee's parameters.
        bound: the arguments that gave them.
        captured: the mask of what the callee has captured.
        site: the call.
    """
    return effect._replace(
        deps=translate(effect.deps, bound.masks, captured),
        session=translate(effect.session, bound.masks, captured),
        chain=(site, *effect.chain),
    )


def translate(mask: int, masks: tuple[int, ...], captured: int) -> int:
    """Turn a callee's parameter bits into what the arguments depend on."""
    if not mask:
        return 0
    translated = captured if mask & CAPTURE_BIT else 0
    for position, one in enumerate(masks):
        if mask >> min(position, PARAM_BITS - 2) & 1:
            translated |= one
    return translated
