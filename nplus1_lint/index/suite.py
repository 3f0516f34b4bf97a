"""The body of a function, which waits as bytes until somebody looks at it: most runs look at few."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from nplus1_lint.cache.store import digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from nplus1_lint.index.facts import Stmt

Place: TypeAlias = tuple[int, int, int, int]


class Suite:
    """What is known of a function from its body, and where it stands.

    Args:
        statements: the body, lowered.
        pos: from the function's ``def`` to the end of its body.
        mentions: every name and attribute that the body (nested functions included) reads or calls.
        loop_mentions: those of them that stand inside a loop.
        inline: it is kept with what is around it: the body of a lambda.

    Attributes:
        statements: as given.
        pos: as given.
        mentions: as given.
        loop_mentions: as given.
        inline: as given.
    """

    __slots__ = ("_code", "_stored", "inline", "loop_mentions", "mentions", "pos", "statements")

    statements: tuple[Stmt, ...]
    pos: Place
    mentions: frozenset[str]
    loop_mentions: frozenset[str]
    _code: bytes

    def __init__(
        self,
        statements: tuple[Stmt, ...],
        pos: Place,
        mentions: frozenset[str],
        loop_mentions: frozenset[str],
        *,
        inline: bool = False,
    ) -> None:
        self.statements = statements
        self.pos = pos
        self.mentions = mentions
        self.loop_mentions = loop_mentions
        self.inline = inline
        self._stored = b""

    @classmethod
    def stored(cls, encoded: bytes, *, inline: bool = False) -> Suite:
        """Return what has been encoded; nothing of it is decoded yet."""
        suite = cls.__new__(cls)
        suite._stored = encoded
        suite.inline = inline
        return suite

    @property
    def encoded(self) -> bytes:
        """The same bytes in every run."""
        if not self._stored:
            encode = _encoder()
            head = _Head(self.pos, self.mentions, self.loop_mentions, encode(self.statements))
            self._stored = encode(head)
        return self._stored

    @property
    def digest(self) -> bytes:
        """16 bytes that stand for all of it, places included."""
        return digest(self.encoded)

    def __getattr__(self, name: str) -> Any:
        """Decode what is asked for the first time."""
        if name == "statements":
            self.statements = _decoder()(self._code)
        elif name in ("pos", "mentions", "loop_mentions", "_code"):
            head = _head_decoder()(self._stored)
            self.pos, self._code = head.pos, head.code
            self.mentions, self.loop_mentions = head.mentions, head.loop_mentions
        else:
            raise AttributeError(name)
        return getattr(self, name)

    def __eq__(self, other: object) -> bool:
        """True for the same statements at the same place."""
        return isinstance(other, Suite) and (self.pos, self.statements) == (other.pos, other.statements)

    def __hash__(self) -> int:
        """Hash the place."""
        return hash(self.pos)


class Bodied(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What has a body.

    Attributes:
        suite: all that depends on the body.
    """

    suite: Suite

    @property
    def body(self) -> tuple[Stmt, ...]:
        """Its statements; decoded when they are first asked for."""
        return self.suite.statements

    @property
    def pos(self) -> Place:
        """From its ``def`` to the end of its body."""
        return self.suite.pos

    @property
    def mentions(self) -> frozenset[str]:
        """Every name and attribute that the body (nested functions included) reads or calls."""
        return self.suite.mentions

    @property
    def loop_mentions(self) -> frozenset[str]:
        """Those of them that stand inside a loop."""
        return self.suite.loop_mentions

    @property
    def digest(self) -> bytes:
        """16 bytes that stand for the body and its place; equal in all runs, whatever stands around the function."""
        return self.suite.digest


class _Head(msgspec.Struct, array_like=True, gc=False):
    """A suite as it is written."""

    pos: Place
    mentions: frozenset[str]
    loop_mentions: frozenset[str]
    code: bytes


def written(value: Any) -> bytes:
    """Return a suite's bytes: the hook of msgspec's encoders.

    Raises:
        NotImplementedError: it is something else, of which msgspec knows nothing.
    """
    if isinstance(value, Suite):
        return value.encoded
    raise NotImplementedError(f"{type(value)} is no part of facts")


def _nested(_: type, encoded: bytes) -> Suite:
    return Suite.stored(encoded, inline=True)


@cache
def _encoder() -> Callable[[Any], bytes]:
    return msgspec.msgpack.Encoder(order="deterministic", enc_hook=written).encode


@cache
def _head_decoder() -> Callable[[bytes], _Head]:
    return msgspec.msgpack.Decoder(_Head).decode


@cache
def _decoder() -> Callable[[bytes], tuple[Stmt, ...]]:
    from nplus1_lint.index.facts import Stmt

    return msgspec.msgpack.Decoder(tuple[Stmt, ...], dec_hook=_nested).decode
