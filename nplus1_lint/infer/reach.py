"""The sieve of functions: which can reach a query at all, by the names that they mention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index.walk import call_name, children, last_name
from nplus1_lint.infer.library import REFLECTING, is_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from nplus1_lint.index import facts as f
    from nplus1_lint.link import Project

_QUERY_NAMES = frozenset(
    {"query", "execute", "scalars", "scalar", "exec", "commit", "flush", "refresh", "merge", "stream", "stream_scalars",
     "paginate", "apaginate", "get_or_404", "first_or_404", "one_or_404", "bulk_save_objects", "bulk_insert_mappings",
     "bulk_update_mappings", "select", "model_validate", "from_orm"}
)  # fmt: skip

_WRITE_NAMES = frozenset({"add", "add_all", "delete"})  # sets have them too: alone they tell of no query


def sessions_expire(project: Project) -> bool:
    """False if any session factory of the project keeps its rows at commit.

    Which factory made a session is often unknown, so one that keeps rows speaks for all.
    """
    return not _is_said("expire_on_commit", project)


def sessions_autoflush(project: Project) -> bool:
    """False if any session factory of the project turns it off; one speaks for all, as for expiry."""
    return not _is_said("autoflush", project)


def _is_said(name: str, project: Project) -> bool:
    """True if any file of the project has a name in it, those that cannot be parsed included."""
    symbols = project.symbols
    return name in symbols.unread or any(name in module.facts.body.mentions for module in symbols.modules.values())


def uses_sqlalchemy(project: Project) -> bool:
    """True if any module imports SQLAlchemy or a package on it: without one there is no query to find."""
    for module in project.symbols.modules.values():
        for statement in module.facts.imports:
            parts = (statement.module,) if statement.module is not None else [alias.name for alias in statement.names]
            if statement.level == 0 and any(map(is_sql, parts)):
                return True
    return False


class Reach:
    """A closure over names: what mentions a querying name, a relationship, or a function that matters, matters.

    It over-approximates: two functions of one name count as one.

    Args:
        project: the linked project.
        more: given the names that matter, gives those that do beside them in this project.
        querying: ids of classes that are queries: all their methods matter.
    """

    def __init__(
        self, project: Project, more: Callable[[Collection[str]], Collection[str]], querying: Collection[str] = ()
    ) -> None:
        self._known: dict[int, tuple[f.FunctionFacts, bool]] = {}
        self._models = {m.name for m in project.models.values()}
        self._names: set[str] = set(_QUERY_NAMES)
        if project.models:
            self._names |= REFLECTING
        for model in project.models.values():
            self._names |= set(model.relationships) | set(model.proxies)
        mentioned: dict[str, list[tuple[str, f.FunctionFacts]]] = {}
        work: list[str] = []
        for function in project.hierarchy.functions.values():
            facts = function.facts
            names = _known_as(facts, function.cls)
            for name in facts.mentions:
                for known in names:
                    mentioned.setdefault(name, []).append((known, facts))
            if function.cls in querying or self._gets(facts):
                work += names
        for made, name, getter in _described(project):
            mentioned.setdefault(made, []).append((name, getter))
        work += self._names
        self._functions = {function.facts.name for function in project.hierarchy.functions.values()}
        self._close(work, mentioned)
        self._close([name for name in more(self._names) if name not in self._names], mentioned)

    def _close(self, work: list[str], mentioned: dict[str, list[tuple[str, f.FunctionFacts]]]) -> None:
        """Add names, and those by which what mentions them is known."""
        seen = {*work, *self._names}
        while work:
            name = work.pop()
            self._names.add(name)
            for known, _ in mentioned.get(name, ()):
                if known not in seen:
                    seen.add(known)
                    work.append(known)

    @property
    def names(self) -> frozenset[str]:
        """Every name by which a function comes to be looked at: of what queries, of what writes, and of models."""
        return frozenset(self._names | self._models | _WRITE_NAMES)

    def matters(self, facts: f.FunctionFacts) -> bool:
        """True if the function may reach a query."""
        known = self._known.get(id(facts))
        if known is None:
            matters = not facts.mentions.isdisjoint(self._names) or self._gets(facts)
            known = self._known[id(facts)] = (facts, matters)  # the facts are kept, so that their id stays theirs
        return known[1]

    def may_write(self, facts: f.FunctionFacts) -> bool:
        """True if the function may add or delete rows, makes some, or takes some as arguments, by the names in it."""
        return (
            not facts.mentions.isdisjoint(_WRITE_NAMES)
            or not facts.mentions.isdisjoint(self._models)
            or any(self._names_model(param.annotation) for param in facts.params if param.annotation is not None)
        )

    def _names_model(self, annotation: f.Expr) -> bool:
        return last_name(annotation) in self._models or any(map(self._names_model, children(annotation)))

    def names_function(self, name: str) -> bool:
        """True if a function of the project has this name and may reach a query."""
        return name in self._functions and name in self._names and name not in _QUERY_NAMES

    def _gets(self, facts: f.FunctionFacts) -> bool:
        """``session.get(Model, key)``: `get` alone is every dictionary's."""
        return "get" in facts.mentions and not facts.mentions.isdisjoint(self._models)


def _known_as(facts: f.FunctionFacts, cls: str | None) -> tuple[str, ...]:
    """The names by which a function is called: its own, or its class' for a special method."""
    if facts.name.startswith("__") and facts.name.endswith("__") and cls is not None:
        return (cls.rpartition(":")[2].rpartition(".")[2],)
    return (facts.name,)


def _described(project: Project) -> Iterator[tuple[str, str, f.FunctionFacts]]:
    """Yield the attributes that descriptors of the project answer: (the descriptor's class, attribute, ``__get__``)."""
    classes = project.hierarchy.classes.values()
    getters = {cls.name: cls.methods["__get__"].facts for cls in classes if "__get__" in cls.methods}
    for cls in classes if getters else ():
        for name, value in cls.attributes.items():
            made = call_name(value)
            if made in getters:
                yield made, name, getters[made]
