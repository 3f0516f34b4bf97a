"""What an analysis has looked at, for `nplus1_lint.edits.bearing` to tell the edits that cannot matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.edits.bearing import Bearing
from nplus1_lint.index.names import MAPPERS
from nplus1_lint.index.templates import LOADING_NAMES, RENDERING_NAMES
from nplus1_lint.infer.classes import decorator_names
from nplus1_lint.link.migrations import is_migration
from nplus1_lint.link.query_classes import NAMES as QUERY_CLASSES
from nplus1_lint.link.template_names import GIVING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.solve import Engine

_SETTINGS: Final = frozenset({"expire_on_commit", "autoflush", "Index", "Table", "op"})


def bearing_of(engine: Engine) -> Bearing:
    """Return what a finished analysis has looked at.

    Args:
        engine: has run the functions.
    """
    project = engine.project
    hierarchy, modules = project.hierarchy, project.symbols.modules
    run: dict[str, set[str]] = {}
    for function_id in {key[0] for key in engine.cells.reached()}:
        path = engine.definition(function_id).path
        run.setdefault(path, set()).update(_prefixes(function_id.partition(":")[2].partition("@")[0]))
    mapped: dict[str, set[str]] = {}
    for model in project.models:
        family = [*hierarchy.mro(model), *(hierarchy.classes[one] for one in hierarchy.descendants(model))]
        for cls in family:
            mapped.setdefault(cls.path, set()).add(cls.id.partition(":")[2])
    protocols = [one for one in hierarchy.classes.values() if any(b.endswith("Protocol") for b in one.external)]
    return Bearing(
        names=engine.reach.names
        | MAPPERS
        | RENDERING_NAMES
        | LOADING_NAMES
        | _SETTINGS
        | engine.request.names
        | engine.services.names
        | GIVING
        | QUERY_CLASSES,
        run={path: frozenset(names) for path, names in sorted(run.items())},
        mapped={path: frozenset(names) for path, names in sorted(mapped.items())},
        abstract=frozenset({"authenticate", *(name for one in protocols for name in one.methods)}),
        decorators=frozenset(
            name.rpartition(".")[2] for one in hierarchy.functions.values() for name in decorator_names(one.facts)
        ),
        migrations=frozenset(path for path, one in modules.items() if is_migration(one.facts)),
        words=project.templates.words(),
    )


def _prefixes(qualname: str) -> Iterable[str]:
    """A qualified name, and those of what it stands in."""
    parts = qualname.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))
