"""Which edits cannot matter: those of functions that were never run and never looked into, and that nobody names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nplus1_lint.edits.compare import compare
from nplus1_lint.edits.moves import Moved, Moves
from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import names, names_in, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nplus1_lint.edits.compare import Edit


class Bearing(msgspec.Struct, frozen=True, array_like=True):
    """What an analysis has looked at, and what would have made it look further.

    Attributes:
        names: whatever mentions one of them may matter: names of queries, models, relationships, and of the functions
            that mention these; of session settings, templates, indexes and mappers.
        run: by path, the qualified names of the functions that were run, and of all that is around them.
        mapped: by path, the qualified names of mapped classes, of their bases and of what inherits from them.
        abstract: names of the methods that protocols declare.
        decorators: names by which functions are decorated.
        migrations: paths of migrations.
        words: names that templates mention.
    """

    names: frozenset[str]
    run: dict[str, frozenset[str]]
    mapped: dict[str, frozenset[str]]
    abstract: frozenset[str]
    decorators: frozenset[str]
    migrations: frozenset[str]
    words: frozenset[str]


def idle_moves(
    bearing: Bearing, before: Mapping[str, f.ModuleFacts], after: Mapping[str, f.ModuleFacts]
) -> dict[str, Moves] | None:
    """Return where the nodes of edited files stand now, if the edits cannot change what was found.

    Args:
        bearing: of the analysis before the edits.
        before: the facts of the edited files then, by path.
        after: those of all files now, by path.

    Returns:
        The moves by path; None where an edit may matter.
    """
    edits = [compare(was, after[path]) for path, was in before.items()]
    known = [edit for edit in edits if edit is not None]
    if len(known) < len(edits):
        return None
    if not all(_is_idle(edit, before[edit.path], after[edit.path], bearing) for edit in known):
        return None
    if _are_named({name for edit in known for name in edit.names}, after.values()):
        return None
    try:
        return {edit.path: Moves(before[edit.path], after[edit.path], edit.rewritten) for edit in known}
    except Moved:
        return None


def _is_idle(edit: Edit, before: f.ModuleFacts, after: f.ModuleFacts, bearing: Bearing) -> bool:
    """True if nothing that was rewritten was looked into, nor would be now."""
    path = edit.path
    if path in bearing.migrations or before.ddl or after.ddl or _imported(before) != _imported(after):
        return False
    if not bearing.names.isdisjoint((before.words ^ after.words) | (before.body.mentions ^ after.body.mentions)):
        return False
    if not bearing.words.isdisjoint(edit.names):
        return False
    run, mapped = bearing.run.get(path, frozenset()), bearing.mapped.get(path, frozenset())
    if not edit.rewritten.isdisjoint(run) or any(owner in mapped for owner, _ in edit.members):
        return False
    if not bearing.abstract.isdisjoint(name for _, name in edit.members):
        return False
    if not bearing.decorators.isdisjoint(name.rpartition(".")[2] for name in edit.rewritten):
        return False
    rewritten = [*_functions(before.body.body, edit.rewritten), *_functions(after.body.body, edit.rewritten)]
    return not any(_may_matter(one, bearing) or (one.decorators and one.name in edit.names) for one in rewritten)


def _may_matter(function: f.FunctionFacts, bearing: Bearing) -> bool:
    if not bearing.names.isdisjoint(function.mentions):
        return True
    declared = [param.annotation for param in function.params if param.annotation is not None]
    declared += [function.returns] if function.returns is not None else []
    if any(not bearing.names.isdisjoint(names(annotation)) for annotation in declared):
        return True
    # A class in a function is one of the project; what a function in a function does is said nowhere else.
    return function.nests or any(isinstance(one, f.Scope) for one in statements(function.body))


def _functions(body: Iterable[f.Stmt], wanted: frozenset[str]) -> Iterable[f.FunctionFacts]:
    """Yield functions and methods by their qualified names."""
    for statement in statements(tuple(body)):
        if isinstance(statement, f.Def) and statement.function.qualname in wanted:
            yield statement.function
        elif isinstance(statement, f.ClassDef):
            yield from _functions(statement.cls.body, wanted)


def _are_named(names: set[str], modules: Iterable[f.ModuleFacts]) -> bool:
    """True if anything mentions, imports or spells one of some names."""
    return bool(names) and any(not names.isdisjoint(named) for module in modules for named in names_in(module))


def _imported(module: f.ModuleFacts) -> list[tuple[object, ...]]:
    return [(one.module, one.level, tuple((a.name, a.asname) for a in one.names)) for one in module.imports]
