"""Which functions an edit of a file may have changed, by comparing the file's facts before and after.

What an edit does beyond the functions of the file is told by names: whoever can notice that a function was added, has
gone or is called otherwise has to mention it. An edit of which that does not hold (of classes, of what stands at the
top level, of methods that Python calls by itself) counts as one of the whole project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from nplus1_lint.index import facts as f
from nplus1_lint.index.names import MAPPERS
from nplus1_lint.index.walk import blocks, call_name, calls, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ASIDE = frozenset({"pos", "places", "suite"})


class Edit(NamedTuple):
    """What an edit of one file may have changed.

    Attributes:
        path: project path.
        functions: qualified names of functions that are not what they were, nested ones counted to those around them.
        rewritten: those of them that have not just moved: new, gone, or of other text.
        members: (class, method) of methods among them that are not the same but for their place.
        names: names by which others may notice.
        bound: names of the file's own top level that mean something else, or something at all, now.
    """

    path: str
    functions: frozenset[str]
    rewritten: frozenset[str]
    members: frozenset[tuple[str, str]]
    names: frozenset[str]
    bound: frozenset[str]


class _Outline(NamedTuple):
    """The parts of a file, those of functions and classes by qualified name: one may be defined more than once."""

    functions: dict[str, tuple[f.FunctionFacts, ...]]
    faces: dict[str, list[tuple[Any, ...]]]
    owners: dict[str, str]
    classes: dict[str, tuple[f.ClassFacts, ...]]
    imports: dict[str, Any]
    rest: tuple[Any, ...]


def compare(before: f.ModuleFacts, after: f.ModuleFacts) -> Edit | None:
    """Return what an edit may have changed.

    Args:
        before: the facts of the file then.
        after: those of now.

    Returns:
        The edit, or None for one that has to count as an edit of the whole project.
    """
    if before.parse_error or after.parse_error or before.is_package != after.is_package or before.ddl != after.ddl:
        return None
    if _maps(before) or _maps(after):
        return None
    old, new = _outline(before), _outline(after)
    if old.rest != new.rest or _stars(before) != _stars(after):
        return None
    names: set[str] = set()
    if not _classes_agree(old, new, names):
        return None
    bound = {name for name in {*old.imports, *new.imports} if old.imports.get(name) != new.imports.get(name)}
    functions, rewritten, members = set[str](), set[str](), set[tuple[str, str]]()
    for qualname in {*old.functions, *new.functions}:
        was, now = old.functions.get(qualname, ()), new.functions.get(qualname, ())
        alike = old.faces.get(qualname) == new.faces.get(qualname)
        if alike and [one.suite.encoded for one in was] == [one.suite.encoded for one in now]:
            continue
        functions.add(qualname)
        owner = new.owners.get(qualname) or old.owners.get(qualname) or ""
        name = qualname.rpartition(".")[2]
        if not alike or [plain(one.body) for one in was] != [plain(one.body) for one in now]:
            rewritten.add(qualname)
            members.add((owner, name))
        if not alike:
            if name.startswith("__") and name.endswith("__"):
                return None
            names.add(name)
            bound |= {name} if not owner and (not was or not now) else set()
    shared = [*map(plain, _unchanged(old, new))]
    if any(_names(one) & bound for one in shared):
        return None
    return Edit(
        after.path,
        frozenset(functions),
        frozenset(rewritten),
        frozenset(member for member in members if member[0]),
        frozenset(names),
        frozenset(bound),
    )


def _maps(module: f.ModuleFacts) -> bool:
    """True if a module maps classes imperatively, which it may do from anything in it."""
    return not MAPPERS.isdisjoint(module.body.mentions) and any(
        call_name(call) in MAPPERS and len(call.args) > 1 for call in calls(module.body.body)
    )


def _outline(module: f.ModuleFacts) -> _Outline:
    found = _Outline({}, {}, {}, {}, {}, ())
    rest: list[Any] = []
    _collect(module.body.body, "", found, rest)
    faces = {qualname: _faces(some) for qualname, some in found.functions.items()}
    return found._replace(faces=faces, rest=tuple(rest))


def _collect(body: Iterable[f.Stmt], owner: str, found: _Outline, rest: list[Any]) -> None:
    for statement in body:
        if isinstance(statement, f.Def):
            function = statement.function
            known = found.functions.get(function.qualname, ())
            found.functions[function.qualname] = (*known, function)
            found.owners[function.qualname] = owner
            if function.nests:
                _nested_classes(function.body, found)
        elif isinstance(statement, f.ClassDef):
            cls = statement.cls
            found.classes[cls.qualname] = (*found.classes.get(cls.qualname, ()), cls)
            _collect(cls.body, cls.qualname, found, [])
        elif isinstance(statement, f.Import) and not owner:
            for alias in statement.names:
                local = alias.asname or (alias.name if statement.module is not None else alias.name.partition(".")[0])
                source = (statement.module, statement.level, alias.name, alias.asname)
                found.imports[local] = (*found.imports.get(local, ()), source)
        elif isinstance(statement, (f.If, f.Try, f.For, f.While, f.With)):
            caught = [(one.type, one.name) for one in statement.handlers] if isinstance(statement, f.Try) else []
            rest.append((type(statement).__name__, plain((*parts(statement), *caught))))
            for block in blocks(statement):
                rest.append(tuple(one.function.qualname for one in block if isinstance(one, f.Def)))
                _collect(block, owner, found, rest)
            rest.append("its end")
        else:
            rest.append(plain(statement))


def _nested_classes(body: Iterable[f.Stmt], found: _Outline) -> None:
    """Classes inside functions are classes of the project, too."""
    for statement in body:
        if isinstance(statement, f.ClassDef):
            known = found.classes.get(statement.cls.qualname, ())
            found.classes[statement.cls.qualname] = (*known, statement.cls)
        elif isinstance(statement, f.Def):
            _nested_classes(statement.function.body, found)
        else:
            for block in blocks(statement):
                _nested_classes(block, found)


def _classes_agree(old: _Outline, new: _Outline, names: set[str]) -> bool:
    """False where a class has become another; the names of what is stored otherwise, or anew, are added to *names*."""
    for qualname in {*old.classes, *new.classes}:
        was, now = old.classes.get(qualname), new.classes.get(qualname)
        if was is None or now is None or len(was) != 1 or len(now) != 1 or _header(was[0]) != _header(now[0]):
            return False
        before, after = dict(was[0].stores), dict(now[0].stores)
        names |= {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return True


def _header(cls: f.ClassFacts) -> tuple[Any, ...]:
    """All of a class but its methods and where it stands."""
    body = [plain(one) for one in cls.body if not isinstance(one, f.Def)]
    head = (cls.name, plain(cls.bases), plain(cls.keywords), plain(cls.decorators), cls.type_params)
    return *head, tuple(body)


def _faces(functions: Iterable[f.FunctionFacts]) -> list[tuple[Any, ...]]:
    """What callers and classes see of functions without looking into them."""
    return [
        (
            *map(plain, (one.params, one.returns, one.decorators)),
            (one.is_async, one.is_generator, one.no_query),
            not one.body or (len(one.body) == 1 and isinstance(one.body[0], f.Raise)),
        )
        for one in functions
    ]


def _unchanged(old: _Outline, new: _Outline) -> Iterator[Any]:
    """What of the new file is the same as in the old one, bodies of functions aside."""
    for qualname, some in new.functions.items():
        if old.faces.get(qualname) == new.faces[qualname]:
            for one in some:
                yield (one.params, one.returns, one.decorators)
    for some_classes in new.classes.values():
        for cls in some_classes:
            yield (cls.bases, cls.decorators, tuple(one for one in cls.body if not isinstance(one, f.Def)))


def plain(node: Any) -> Any:
    """Return a node of syntax without the places in it."""
    if isinstance(node, msgspec.Struct):
        fields = [getattr(node, name) for name in node.__struct_fields__ if name not in _ASIDE]
        if isinstance(node, f.FunctionFacts):
            fields.append(node.body)
        return type(node).__name__, *map(plain, fields)
    if isinstance(node, tuple):
        return tuple(map(plain, node))
    return node


def _names(node: Any) -> set[str]:
    """Every word in what `plain` has returned, those in strings included: annotations may be written so."""
    if isinstance(node, tuple):
        return set().union(*map(_names, node))
    return set(node.replace(".", " ").replace("[", " ").replace("]", " ").split()) if isinstance(node, str) else set()


def _stars(module: f.ModuleFacts) -> list[Any]:
    return [(one.module, one.level) for one in module.imports for alias in one.names if alias.name == "*"]
