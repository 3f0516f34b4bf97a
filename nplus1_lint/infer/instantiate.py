"""A callee's effects in the terms of its caller: what its parameters depended on, its arguments depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.values import CAPTURE_BIT, CONTENTS, LAST_PARAM, OWN_BIT, Function, Session, Site

if TYPE_CHECKING:
    from nplus1_lint.infer.binding import Bound
    from nplus1_lint.infer.effects import Effect
    from nplus1_lint.infer.frame import Frame


_TRANSACTION = (Kind.COMMIT, Kind.FLUSH)


def passed_session(effect: Effect, bound: Bound) -> bool:
    """True if the callee commits a session that was an argument of the call, and that expires its rows."""
    return any(
        effect.session >> position & 1 and any(session.expires for session in value.only(Session))
        for position, value in enumerate(bound.values[: LAST_PARAM + 1])
    )


def captured_bit(position: int) -> int:
    """Return the bit of a captured name, by its position behind the parameters."""
    return 1 << position if position < LAST_PARAM else CAPTURE_BIT


def captured_masks(frame: Frame, function: Function, mask: int) -> tuple[int, ...]:
    """Return what each name that a function has captured depends on in the running function.

    Args:
        frame: the running function.
        function: what it calls.
        mask: what the called value depends on, for names of another function's.
    """
    if not function.captured:
        return ()
    outer = function.id.rpartition("@")[0].rpartition(".")[0]
    env = frame.state.env if outer == frame.function.id else {}
    # Of names of another function's, which of them depends on the mask is known where there is but one.
    away = [name for name, value in function.captured if name not in env and value.first(Session) is None]
    unknown = {name: mask if len(away) == 1 and name in away else contents(mask) for name, _ in function.captured}
    return tuple([one.mask if (one := env.get(name)) is not None else unknown[name] for name, _ in function.captured])


def instantiate(effect: Effect, bound: Bound, captured: tuple[int, ...], site: Site, running: int) -> Effect:
    """Return a callee's effect as the call at *site* has it.

    Args:
        effect: in the bits of the callee's parameters.
        bound: the arguments that gave them.
        captured: the masks of what the callee has captured.
        site: the call.
        running: the bits of the loops around the call.
    """
    session = translate(effect.session, bound.masks, captured)
    if effect.session & (OWN_BIT | bound.left_out) and effect.kind in _TRANSACTION:
        session |= OWN_BIT | running  # each iteration has a transaction of its own
    return effect._replace(
        deps=translate(effect.deps, bound.masks, captured),
        session=itself(session),
        keeper=itself(translate(effect.keeper, bound.masks, captured)),
        chain=(site, *effect.chain),
    )


def kept_by_either(one: Effect, other: Effect) -> int:
    """Return what keeps the answer of an effect that two ways run: nothing where one of them runs it anyhow."""
    return one.keeper | other.keeper if one.keeper and other.keeper else 0


def itself(mask: int) -> int:
    """Return what a value depends on, whatever has been stored in it."""
    return mask & ((1 << CONTENTS) - 1)


def contents(mask: int) -> int:
    """Return what a value depends on in which something has been stored that depends on *mask*."""
    return (mask >> CONTENTS | itself(mask)) << CONTENTS


def translate(mask: int, masks: tuple[int, ...], captured: tuple[int, ...]) -> int:
    """Turn a callee's parameter bits into what the arguments, and what it has captured, depend on."""
    if not mask:
        return 0
    translated = 0
    for position, one in enumerate(masks):
        if mask >> min(position, LAST_PARAM) & 1:
            translated |= one
    for position, one in enumerate(captured, start=len(masks)):
        if mask & captured_bit(position):
            translated |= one
    if mask >> CONTENTS:
        translated |= contents(translate(mask >> CONTENTS, masks, captured))
    return translated
