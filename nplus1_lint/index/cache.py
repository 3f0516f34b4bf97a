"""The facts of files by content: a file whose bytes are known is not parsed again.

msgpack rather than marshal: facts are Structs, which marshal would need to have taken apart and put together again.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import msgspec

from nplus1_lint.cache.store import digest
from nplus1_lint.index.encoding import Codec, Encoded

if TYPE_CHECKING:
    from nplus1_lint.cache.store import Store
    from nplus1_lint.index.facts import ModuleFacts

_PREFIX: Final = "facts-"
_SEGMENTS: Final = 12  # an edit adds a small one; so many of them are put together to one
_TIMES: Final = 3  # as much as a run reads may be kept: what files held before some edits is asked for, too
_LEAST: Final = 200  # files that are kept in any case


class FactsCache:
    """Facts by path and content.

    A run reads all segments and adds at most one, which holds what it has parsed.

    Args:
        store: where segments are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[bytes, Encoded] = {}
        self._used: set[bytes] = set()
        self._new: dict[bytes, Encoded] = {}
        self._segments = store.names(_PREFIX)
        decode = msgspec.msgpack.Decoder(dict[bytes, Encoded]).decode
        for name in self._segments:
            body = store.read(name)
            if body is not None:
                with contextlib.suppress(msgspec.DecodeError):  # nothing that this edition has written
                    self._known.update(decode(body))
        self._decode = Codec().decode

    def get(self, path: str, content: bytes) -> ModuleFacts | None:
        """Return the facts of a file, or None when they are not known.

        Args:
            path: project path.
            content: the digest of its content.
        """
        key = _key(path, content)
        encoded = self._known.get(key)
        if encoded is None:
            return None
        try:
            facts = self._decode(encoded)
        except msgspec.DecodeError:
            return None
        self._used.add(key)
        return facts

    def put(self, path: str, content: bytes, encoded: Encoded) -> None:
        """Add the facts of a file.

        Args:
            path: project path.
            content: the digest of its content.
            encoded: its facts.
        """
        self._new[_key(path, content)] = encoded

    def save(self) -> None:
        """Write what is new; old segments are put together when they are many, or to forget what nobody reads."""
        if not self._new:
            return
        kept = self._new
        forgets = len(self._known) > max(_TIMES * (len(self._used) + len(self._new)), _LEAST)
        whole = forgets or len(self._segments) >= _SEGMENTS
        if whole:
            old = {key: self._known[key] for key in self._used} if forgets else self._known
            kept = {**old, **self._new}
        body = msgspec.msgpack.encode(dict(sorted(kept.items())))
        name = f"{_PREFIX}{digest(*sorted(kept)).hex()}"
        self._store.write(name, body)
        if whole and not self._store.failure:
            self._store.remove(old for old in self._segments if old != name)


def _key(path: str, content: bytes) -> bytes:
    return digest(path.encode("utf-8", "surrogatepass"), content)
