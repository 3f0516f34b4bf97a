"""Facts as bytes and back: the bodies of functions apart, so that they can wait until somebody looks at them."""

from __future__ import annotations

from typing import Any

import msgspec

from nplus1_lint.cache.store import digest
from nplus1_lint.index.facts import (
    FunctionFacts,
    Import,
    ModuleFacts,
    ParseError,
    Stmt,
    Suppression,
)
from nplus1_lint.index.suite import Suite, written


class Encoded(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One module's facts.

    Attributes:
        digest: stands for all of it.
        outline_digest: stands for *outline*.
        outline: an `_Outline`.
        rest: a `_Rest`.
        suites: the bodies to which the outline refers by number, in source order.
    """

    digest: bytes
    outline_digest: bytes
    outline: bytes
    rest: bytes
    suites: tuple[bytes, ...]


class _Outline(msgspec.Struct, array_like=True, gc=False):
    """All but the bodies, and what follows from them."""

    path: str
    is_package: bool
    statements: tuple[Stmt, ...]
    parse_error: ParseError | None
    ddl: bool


class _Rest(msgspec.Struct, array_like=True, gc=False):
    """What follows from the bodies, and from comments."""

    suppressions: tuple[Suppression, ...]
    function_count: int
    imports: tuple[Import, ...]
    words: frozenset[str]
    other_words: frozenset[str]
    mentions: frozenset[str]
    loop_mentions: frozenset[str]


class Codec:
    """Encodes and decodes modules, one at a time."""

    def __init__(self) -> None:
        self._found: list[bytes] = []
        self._given: tuple[bytes, ...] = ()
        self._encode = msgspec.msgpack.Encoder(order="deterministic", enc_hook=self._numbered).encode
        self._outline = msgspec.msgpack.Decoder(_Outline, dec_hook=self._suite).decode
        self._rest = msgspec.msgpack.Decoder(_Rest).decode

    def encode(self, facts: ModuleFacts) -> Encoded:
        """Return a module's facts as bytes, the same in every run."""
        self._found = []
        body = facts.body
        outline = self._encode(_Outline(facts.path, facts.is_package, body.body, facts.parse_error, facts.ddl))
        counted = facts.suppressions, facts.function_count, facts.imports, facts.words, facts.other_words
        rest = self._encode(_Rest(*counted, body.mentions, body.loop_mentions))
        return Encoded(digest(outline, rest, *self._found), digest(outline), outline, rest, tuple(self._found))

    def decode(self, encoded: Encoded) -> ModuleFacts:
        """Return the facts.

        Raises:
            msgspec.DecodeError: this edition has not written them.
        """
        self._given = encoded.suites
        outline, rest = self._outline(encoded.outline), self._rest(encoded.rest)
        suite = Suite(outline.statements, (1, 0, 1, 0), rest.mentions, rest.loop_mentions)
        return ModuleFacts(
            outline.path,
            outline.is_package,
            FunctionFacts(suite, "<module>", "", (), None, (), False, False, True),
            rest.suppressions,
            rest.function_count,
            outline.parse_error,
            outline.ddl,
            rest.imports,
            rest.words,
            rest.other_words,
            encoded.digest,
            encoded.outline_digest,
        )

    def _numbered(self, value: Any) -> bytes | int:
        if isinstance(value, Suite) and not value.inline:
            self._found.append(value.encoded)
            return len(self._found) - 1
        return written(value)

    def _suite(self, _: type, value: Any) -> Suite:
        return Suite.stored(value, inline=True) if isinstance(value, bytes) else Suite.stored(self._given[value])
