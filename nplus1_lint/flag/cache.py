"""The findings of a file, kept until its suspects or a text that was read for them change."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from nplus1_lint.cache.codec import flatten, restore
from nplus1_lint.cache.store import digest
from nplus1_lint.flag.source import SourceFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nplus1_lint.cache.store import Store
    from nplus1_lint.failures import Failures
    from nplus1_lint.findings import Finding, Suspect

_NAME: Final = "flagged"


class _Kept(msgspec.Struct, array_like=True):
    """The findings of one file.

    Attributes:
        suspects: digest of what was suspected there.
        texts: the digest of each text that was read, by project path.
        findings: flat, and encoded.
    """

    suspects: bytes
    texts: dict[str, bytes]
    findings: msgspec.Raw


def flag_what_is_new(
    suspects: Sequence[Suspect],
    read_source: Callable[[str], str],
    rule_names: Mapping[str, str],
    store: Store,
    failures: Failures | None,
) -> tuple[Finding, ...]:
    """As `nplus1_lint.flag.flag`, but only for files of which something has changed since they were flagged."""
    by_path: dict[str, list[Suspect]] = defaultdict(list)
    for suspect in suspects:
        by_path[suspect.path].append(suspect)

    @cache
    def text(path: str) -> bytes:
        return digest(read_source(path).encode("utf-8", "surrogatepass"))

    kept = _read(store)
    files = SourceFiles(read_source)
    findings: list[Finding] = []
    changed = False
    for path, group in by_path.items():
        key = digest(msgspec.msgpack.encode(flatten(tuple(group))))
        known = _findings(kept.get(path), key, text)
        if known is None:
            from nplus1_lint.flag.apply import flag_file

            files.asked.clear()
            known, whole = flag_file(files, path, group, rule_names, failures)
            if whole:
                encoded = msgspec.Raw(msgspec.msgpack.encode(flatten(known)))
                kept[path] = _Kept(key, {one: text(one) for one in sorted(files.asked)}, encoded)
                changed = True
        findings += known
    if changed:
        store.write(_NAME, msgspec.msgpack.encode(dict(sorted(kept.items()))))
    return tuple(sorted(findings, key=lambda finding: finding.sort_key))


def _read(store: Store) -> dict[str, _Kept]:
    body = store.read(_NAME)
    if body is None:
        return {}
    try:
        return msgspec.msgpack.decode(body, type=dict[str, _Kept])
    except msgspec.DecodeError:  # nothing that this edition has written
        return {}


def _findings(kept: _Kept | None, key: bytes, text: Callable[[str], bytes]) -> tuple[Finding, ...] | None:
    if kept is None or kept.suspects != key:
        return None
    try:
        if any(text(path) != before for path, before in kept.texts.items()):
            return None
        found: tuple[Finding, ...] = restore(msgspec.msgpack.decode(kept.findings))
    except (OSError, KeyError, TypeError, ValueError):  # a text is gone; or nothing that this edition has written
        return None
    return found
