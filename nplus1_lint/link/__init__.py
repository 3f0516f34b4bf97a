"""Facts to a project: names resolved, classes ordered, models read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nplus1_lint.link.hierarchy import Hierarchy
from nplus1_lint.link.indexes import Schema, find_indexes
from nplus1_lint.link.migrations import newest
from nplus1_lint.link.models import Model, find_models
from nplus1_lint.link.symbols import Symbols
from nplus1_lint.link.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nplus1_lint.index.facts import ModuleFacts
    from nplus1_lint.index.templates import TemplateFile


@dataclass(frozen=True, slots=True)
class Project:
    """All that is known across files before any value is followed.

    Attributes:
        symbols: names of every module.
        hierarchy: classes and functions.
        models: mapped classes by id.
        function_count: definitions of functions in all files.
        templates: Jinja templates, parsed on demand.
        schema: tables with their indexes.
        newest_migrations: revisions of Alembic on which no other is built.
    """

    symbols: Symbols
    hierarchy: Hierarchy
    models: dict[str, Model]
    function_count: int
    templates: Templates
    schema: Schema
    newest_migrations: tuple[str, ...] = ()


def link(
    modules: Sequence[ModuleFacts],
    templates: Sequence[TemplateFile] = (),
    migrations: Sequence[ModuleFacts] = (),
) -> Project:
    """Tie the modules of a project together.

    Args:
        modules: facts in any order; those with a parse error are left out.
        templates: the files that may be templates.
        migrations: Alembic's migrations beside them; only what they do to indexes is read.

    Returns:
        The project; it does not depend on the order of *modules*.
    """
    ordered = sorted(modules, key=lambda m: m.path)
    symbols = Symbols(ordered)
    hierarchy = Hierarchy(symbols)
    count = sum(m.function_count for m in ordered)
    models = find_models(hierarchy)
    schema = find_indexes(hierarchy, models, sorted(migrations, key=lambda m: m.path))
    revisions = newest([*ordered, *migrations])
    return Project(symbols, hierarchy, models, count, Templates(templates), schema, revisions)
