"""A cheap look at a file's bytes: what it imports, and whether it touches an ORM by itself.

It knows no syntax, and errs on the side of more: an import in a docstring counts as one, and a file that mentions
SQLAlchemy in a comment touches it. No statement that imports is missed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import msgspec

from nplus1_lint.index.sql_text import speaks_of_indexes

_ORM: Final = (b"alchemy", b"sqlmodel", b"alembic", b"marshmallow")
"""Parts of the names of packages: SQLAlchemy and what stands on it, migrations, and schemas that name one another."""

_IMPORT: Final = re.compile(
    rb"import(?P<call>\w*\s*\(\s*(?:name\s*=\s*)?[rRuU]?[\"']{1,3}(?P<literal>[\w.\x80-\xff]+))?"
)
_FROM: Final = re.compile(
    rb"from(?![\w\x80-\xff])(?P<module>[\w. \t\f\x80-\xff]*(?:\\(?:\r?\n|\r)[\w. \t\f\x80-\xff]*)*)\Z"
)
_LISTED: Final = re.compile(rb"[\s\\]*\((?P<names>[^#)]*(?:#[^\r\n]*[^#)]*)*)")
_LINE: Final = re.compile(rb"[^\\\r\n#;]*(?:\\(?:\r\n|.)[^\\\r\n#;]*)*", re.DOTALL)
_COMMENT: Final = re.compile(rb"#[^\r\n]*")
_GAP: Final = re.compile(rb"[\s\\]+")
_DOT: Final = re.compile(rb"[\s\\]*\.[\s\\]*")
_NAME: Final = re.compile(rb"[\w\x80-\xff]+")
_DOTTED: Final = re.compile(rb"[\w.\x80-\xff]+")
_OF_NAMES: Final = frozenset(byte for byte in range(256) if byte > 127 or chr(byte).isalnum() or byte == ord("_"))
_STATEMENT: Final = 400  # bytes between ``from`` and ``import``; no dotted name is so long
_HEAD: Final = 400  # bytes that hold the line with an encoding's name, if there is one
_NOQA: Final = re.compile(rb"noqa\s*:[^#\n]*\bnp[0-9]")
_COOKIE: Final = re.compile(rb"\A[^\r\n]*(?:\r\n?|\n)?[^\r\n]*coding[:=][ \t]*([-\w.]+)")
_PLAIN: Final = frozenset(
    {b"utf-8", b"utf8", b"ascii", b"us-ascii", b"latin-1", b"latin1", b"iso-8859-1", b"iso-8859-15", b"cp1252"}
)
"""Encodings in which the bytes of ASCII stand for themselves; a file in another one may hold anything."""
_BOM: Final = b"\xef\xbb\xbf"


class Imported(msgspec.Struct, frozen=True, array_like=True):
    """An import.

    Attributes:
        module: dotted, without leading dots; empty where there are only dots.
        level: the number of leading dots.
        names: what is imported from the module, ``*`` included; None for ``import module``.
        renamed: ``import module as name``, which binds the module itself rather than the first package around it.
    """

    module: str
    level: int = 0
    names: tuple[str, ...] | None = None
    renamed: bool = False


class Look(msgspec.Struct, frozen=True, array_like=True):
    """What is seen of a file.

    Attributes:
        imports: in the order of the text, each once.
        touches: it mentions an ORM, holds SQL that makes indexes or a comment for this program, or cannot be looked at.
    """

    imports: tuple[Imported, ...]
    touches: bool


def look(source: bytes) -> Look:
    """Look at a file.

    Args:
        source: its bytes, whether they can be parsed or not.
    """
    source = source.removeprefix(_BOM)
    found: dict[Imported, None] = {}
    for match in _IMPORT.finditer(source):
        literal = match["literal"]
        if literal is not None:
            found[_literal(literal)] = None
        elif _stands_alone(source, *match.span()):
            for one in _statement(source, *match.span()):
                found[one] = None
    return Look(tuple(found), _touches(source))


def _touches(source: bytes) -> bool:
    if b"\0" in source or any(name in source for name in _ORM):
        return True
    lower = source.lower()
    if b"nplus1" in lower or speaks_of_indexes(lower) or (b"noqa" in lower and _NOQA.search(lower)):
        return True
    cookie = _COOKIE.match(source[:_HEAD])
    return cookie is not None and cookie[1].lower().replace(b"_", b"-") not in _PLAIN


def _stands_alone(source: bytes, start: int, end: int) -> bool:
    """True if what stands there is a word of its own."""
    before, after = source[start - 1 : start], source[end : end + 1]
    return not (before and before[0] in _OF_NAMES) and not (after and after[0] in _OF_NAMES)


def _statement(source: bytes, start: int, end: int) -> list[Imported]:
    """The imports of a statement by where its keyword ``import`` stands."""
    origin = _origin(source, start)
    if origin is None:
        return _plain(source, end)
    written = _GAP.sub(b"", origin)
    module = written.lstrip(b".")
    listed = _LISTED.match(source, end)
    names = _COMMENT.sub(b"", listed["names"]) if listed is not None else _line(source, end)
    found = [b"*" if b"*" in part else b"".join(_NAME.findall(part)[:1]) for part in names.split(b",")]
    imported = Imported(_text(module), len(written) - len(module), tuple(_text(name) for name in found if name))
    # The line before may be a comment that ends in a backslash.
    return [imported, *_plain(source, end)] if b"\\" in origin else [imported]


def _plain(source: bytes, end: int) -> list[Imported]:
    """``import a.b, c as d``, from behind the keyword."""
    found = []
    for part in _line(source, end).split(b","):
        words = _DOTTED.findall(_DOT.sub(b".", part))
        if words and words[0].strip(b"."):
            found.append(Imported(_text(words[0]), renamed=words[1:2] == [b"as"]))
    return found


def _line(source: bytes, start: int) -> bytes:
    """The rest of a logical line."""
    match = _LINE.match(source, start)
    return match[0] if match is not None else b""


def _origin(source: bytes, end: int) -> bytes | None:
    """What stands between ``from`` and the keyword ``import`` of the same statement, if anything does."""
    first = max(end - _STATEMENT, 0)
    start = source.rfind(b"from", first, end)
    while start >= 0:
        match = _FROM.match(source, start, end)
        if match is not None and not (start and source[start - 1] in _OF_NAMES):
            return match["module"]
        start = source.rfind(b"from", first, start)
    return None


def _literal(text: bytes) -> Imported:
    """``import_module("a.b")``, ``__import__("a.b")`` and the like; what stands before a colon is the module."""
    module = text.lstrip(b".")
    return Imported(_text(module), len(text) - len(module), ())


def _text(name: bytes) -> str:
    """A name as Python reads it."""
    if name.isascii():
        return name.decode("ascii")
    return unicodedata.normalize("NFKC", name.decode("utf-8", "replace"))
