"""The imports of a file: which names they give, how a rewrite may write a name, and where a new import goes.

Only what runs whenever the module does counts: an import under ``if TYPE_CHECKING`` or in a ``try`` gives no name.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.findings import Edit
from nplus1_lint.flag.names import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nplus1_lint.flag.imported import Import
    from nplus1_lint.flag.source import SourceText
    from nplus1_lint.flag.visitor import Region

_LINE: Final = re.compile(r"from (?P<module>[\w.]+) import (?P<names>\w+(?:, \w+)*)")


def import_of(source: SourceText, module: str, name: str, at: int | None = None) -> tuple[str, str | None]:
    """How a file may write a name of a library or of the project.

    Args:
        source: the file.
        module: the absolute name of the module that exports it.
        name: the name.
        at: the logical line before or in which it is written; without it, imports inside functions do not count.

    Returns:
        The expression to write, and the import line that it needs (None when the name is already imported there).
    """
    package, _, last = module.rpartition(".")
    for found in source.imports:
        if found.name == name and _exports(found.module, module) and _visible(source, found, at):
            return found.bound, None
    for found in source.imports:
        whole = found.name is None and found.module == module
        if not (whole or (found.name == last and found.module == package)) or not _visible(source, found, at):
            continue
        if whole:
            return f"{module if found.bound == module.partition('.')[0] else found.bound}.{name}", None
        return f"{found.bound}.{name}", None
    return name, f"from {module} import {name}"


def _exports(imported: str | None, module: str) -> bool:
    """True if a name that one module gives is that of another: a package hands on what its parts define."""
    top = (imported or "").partition(".")[0]
    return top == module.partition(".")[0] or (top == "sqlmodel" and module.startswith("sqlalchemy"))


def _visible(source: SourceText, found: Import, at: int | None) -> bool:
    """True if an import has run whenever the code at a logical line does."""
    if not source.logical[found.line].indent:
        return True
    if at is None or found.line >= at:
        return False
    parent = source.parent(found.line)
    return parent is not None and source.is_def(parent) and source.function(parent) in source.functions(at)


def merged(lines: Iterable[str]) -> tuple[str, ...]:
    """One import line per module, modules and names sorted.

    Args:
        lines: of the form ``from MODULE import NAME[, NAME]``.

    Returns:
        The lines, each name once.
    """
    names: dict[str, set[str]] = {}
    for module, wanted in map(_parsed, lines):
        names.setdefault(module, set()).update(wanted)
    return tuple(f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names))


def _parsed(line: str) -> tuple[str, list[str]]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"{line!r} is not of the form 'from MODULE import NAME[, NAME]'")
    return match["module"], match["names"].split(", ")


def unusable(source: SourceText, lines: Iterable[str], at: int | None) -> str | None:
    """Say why some names cannot be imported at the top of a file for the code at a logical line.

    Args:
        source: the file.
        lines: the import lines.
        at: the logical line; None when it is unknown, which makes every function's own names count.

    Returns:
        A clause, or None when nothing speaks against it.
    """
    for module, names in map(_parsed, lines):
        here = any(_same(found.module, module) and not source.logical[found.line].indent for found in source.imports)
        if not here and module.partition(".")[0] not in _LIBRARIES:
            return f"an import of {module} could be circular"
        for name in names:
            if _taken(source, module, name, at):
                return f"the name {name} means something else there"
    return None


_LIBRARIES: Final = sys.stdlib_module_names | {"sqlalchemy", "sqlmodel"}


def _same(imported: str | None, module: str) -> bool:
    """True if an import's module is the one wanted; a project's own may be named from a folder below its root."""
    return imported is not None and (imported == module or imported.endswith(f".{module}"))


def _taken(source: SourceText, module: str, name: str, at: int | None) -> bool:
    """True if something in reach binds a name; what only might bind it counts as well."""
    around = None if at is None else source.functions(at)
    own = {found.line: found for found in source.imports if found.bound == name}
    for mention in source.mentions(name):
        inside = mention.scope is None or around is None or mention.scope in around
        word = source.logical[mention.line].word
        if mention.line in own:
            found = own[mention.line]
            same = found.name == name and _exports(found.module, module)
            if inside and (mention.scope is not None or not same):
                return True
        elif (inside or word == "global") and not mention.used and word not in ("from", "import"):
            return True
    return False


def add_imports(source: SourceText, lines: Iterable[str]) -> tuple[Edit, ...]:
    """Import names at the top of a file, in the file's own style.

    A name joins the statement that already imports from its module; another line goes into the group of imports where
    it belongs, behind the docstring and ``from __future__`` in any case.

    Args:
        source: the file.
        lines: of the form ``from MODULE import NAME[, NAME]``; names that the file imports already are left out.

    Returns:
        The edits, none of which overlaps another.
    """
    edits: list[Edit] = []
    fresh: list[str] = []
    top = [found for found in source.imports if not source.logical[found.line].indent]
    for module, names in map(_parsed, merged(lines)):
        present = [found for found in top if _same(found.module, module)]
        missing = [name for name in names if not any(f.name == name == f.bound for f in present)]
        home = next((f.line for f in present if f.name not in (None, "*") and f.alone), None)
        if missing and home is not None:
            edits += _joined(source, home, missing)
        elif missing:
            fresh.append(f"from {module} import {', '.join(missing)}")
    return (*edits, *_lines(source, top, fresh))


def _joined(source: SourceText, at: int, names: Sequence[str]) -> list[Edit]:
    """Put names into a ``from`` statement: sorted where its own are, else behind the last."""
    region = source.region(at, at)
    statement = next(node for node in walk(region.module) if isinstance(node, cst.ImportFrom))
    aliases = () if isinstance(statement.names, cst.ImportStar) else statement.names
    written = [alias.evaluated_name for alias in aliases]
    key = next((key for key in _ORDERS if written == sorted(written, key=key)), None)
    texts: dict[int, str] = {}
    for name in names:
        following = next((i for i, other in enumerate(written) if key and key(name) < key(other)), None)
        offset, text = beside(region, aliases[-1 if following is None else following], name, last=following is None)
        texts[offset] = texts.get(offset, "") + text
    return [Edit(offset, offset, text) for offset, text in texts.items()]


def _by_kind(name: str) -> tuple[int, str]:
    """Constants, classes, functions: the order of isort and Ruff."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2), name.casefold()


def _by_case(name: str) -> tuple[int, str]:
    return 0, name


def _by_letters(name: str) -> tuple[int, str]:
    return 0, name.casefold()


_ORDERS: Final = (_by_kind, _by_letters, _by_case)


def beside(region: Region, item: cst.CSTNode, name: str, *, last: bool) -> tuple[int, str]:
    """Where a new item of a list goes beside another, and with which white space.

    Args:
        region: the statement.
        item: the item before which the new one goes.
        name: the new item.
        last: it goes behind *item*, the last of the list.

    Returns:
        The offset in characters, and the text to put there.
    """
    source = region.source
    start, end = region.offsets(item)
    number = source.line_of(start)
    line, begin = source.line(number), source.starts[number - 1]
    lead = source.text[begin:start]
    gap = " " if lead.strip() else _ending(source, number) + lead
    commented = "#" in line[end - begin :]
    if last and not (commented and not lead.strip()):
        return end, f",{gap}{name}"
    return start, f"{name},{gap}"


def _ending(source: SourceText, number: int) -> str:
    """The line end of a physical line, or the file's first where it has none."""
    text = source.lines(number, number)
    first = source.lines(1, 1)
    return text[len(text.rstrip("\r\n")) :] or first[len(first.rstrip("\r\n")) :] or "\n"


@dataclass(frozen=True, slots=True)
class _Group:
    """Import lines without a blank line between them.

    Attributes:
        lines: indexes of the logical lines.
        modules: what each imports from, with a mark for ``import`` before ``from``.
        section: 0 for ``__future__``, 1 for the standard library, 2 for libraries, 3 for the project.
    """

    lines: list[int]
    modules: list[tuple[int, str]]
    section: int


def _lines(source: SourceText, top: Sequence[Import], fresh: Sequence[str]) -> list[Edit]:
    """Put whole import lines where they belong."""
    groups = _groups(source, top)
    return [_line(source, groups, line) for line in fresh]


def _line(source: SourceText, groups: Sequence[_Group], line: str) -> Edit:
    module = line.split()[1]
    package, section = module.partition(".")[0], _section(source, module)
    kin = [g for g in groups if g.section and any(m.partition(".")[0] == package for _, m in g.modules)]
    group = next(iter(kin), None) or next((g for g in groups if g.section == section), None)
    if group is not None:
        return _in_group(source, group, line, module)
    later = next((g for g in groups if g.section > section), None)
    if later is not None:
        number = source.logical[later.lines[0]].first
        while number > 1 and source.line(number - 1).lstrip().startswith("#"):
            number -= 1
        ending = _ending(source, number)
        offset = source.starts[number - 1]
        return Edit(offset, offset, f"{line}{ending}{ending}")
    return _behind(source, groups[-1].lines[-1] if groups else None, line)


def _behind(source: SourceText, at: int | None, line: str) -> Edit:
    """A line of its own, behind the last import or the docstring, else before the first statement."""
    first = source.logical[0]
    docstring = not first.word and source.line(first.first).lstrip()[:1] in ('"', "'")
    if at is None and not docstring and first.word not in ("r", "R", "u", "U"):
        ending = _ending(source, first.first)
        offset = source.starts[first.first - 1]
        return Edit(offset, offset, f"{line}{ending}{ending}")
    last = source.logical[at or 0].last
    ending = _ending(source, last)
    offset = source.starts[last] if last < len(source.starts) else len(source.text)
    return Edit(offset, offset, f"{ending}{line}{ending}")


def _in_group(source: SourceText, group: _Group, line: str, module: str) -> Edit:
    new = (1, module)
    before = len(group.lines)
    for order in (lambda pair: (pair[0], pair[1].casefold()), lambda pair: (0, pair[1].casefold())):
        if group.modules == sorted(group.modules, key=order):
            before = next((i for i, pair in enumerate(group.modules) if order(new) < order(pair)), before)
            break
    if before:
        last = source.logical[group.lines[before - 1]].last
        offset = source.starts[last] if last < len(source.starts) else len(source.text)
        return Edit(offset, offset, line + _ending(source, last))
    number = source.logical[group.lines[0]].first
    return Edit(source.starts[number - 1], source.starts[number - 1], line + _ending(source, number))


def _groups(source: SourceText, top: Sequence[Import]) -> list[_Group]:
    """The imports before the first other statement."""
    modules = {found.line: (int(found.name is not None), found.module or "") for found in top}
    groups: list[_Group] = []
    previous = None
    for at, line in enumerate(source.logical):
        if line.indent:
            previous = None
            continue
        if at in modules:
            section = _section(source, modules[at][1])
            gap = previous is None or any(not source.line(n).strip() for n in range(previous + 1, line.first))
            if gap or groups[-1].section == 0:
                groups.append(_Group([], [], section))
            groups[-1].lines.append(at)
            groups[-1].modules.append(modules[at])
            previous = line.last
        elif at and line.word not in _AROUND_IMPORTS:
            break
        else:
            previous = None
    return groups


_AROUND_IMPORTS: Final = frozenset({"if", "elif", "else", "try", "except", "finally"})


def _section(source: SourceText, module: str) -> int:
    package = module.partition(".")[0]
    if package == "__future__":
        return 0
    if package in sys.stdlib_module_names:
        return 1
    return 3 if package in source.path.removesuffix(".py").split("/") else 2
