"""Abstract values in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nplus1_lint.infer.expiry import EXPIRED
from nplus1_lint.infer.values import (
    OF_PARENT,
    ONE_PARENT,
    PENDING,
    SOME,
    Aggregate,
    BoundMethod,
    ClassRef,
    ColumnRef,
    Condition,
    Const,
    External,
    Function,
    Instance,
    Loads,
    Many,
    Mapping,
    ModuleRef,
    Option,
    RelationRef,
    Row,
    Scalar,
    ScalarOf,
    Session,
    SessionFactory,
    Site,
    Statement,
    Tuple,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from nplus1_lint.infer.solve import Engine

_LIMIT = 160  # characters of a value
_NESTED = 3  # levels of collections written out
_KINDS = {"context": "context manager giving", "rows": "rows of", "scalars": "result of"}
_SUFFIX = {
    "!": "lazy", "=": "only columns", "~": "deferred", "+": "undeferred", ONE_PARENT: "one for all rows",
    OF_PARENT: "one for the collection",
}  # fmt: skip


def class_name(class_id: str) -> str:
    """Return a class' qualified name inside its file."""
    return class_id.rpartition(":")[2]


def one_of(reason: str) -> str:
    """Return an unknown value in words."""
    return f"unknown: {reason}" if reason not in ("", "unknown") else "unknown"


class Words:
    """Writes values; places are named from the working directory."""

    def __init__(self, engine: Engine, named: Callable[[str], str]) -> None:
        self._engine = engine
        self._named = named
        self._writers: dict[type, Callable[[Any, int], str]] = {
            Row: lambda a, _: f"row of {class_name(a.model)} [{self._row(a)}]",
            Many: self._many,
            Mapping: lambda a, n: f"dict of {self._inner(a.key, n)} to {self._inner(a.value, n)}",
            Tuple: lambda a, n: f"({', '.join(self._inner(item, n) for item in a.items)})",
            Statement: self._statement,
            Condition: lambda a, _: "SQL condition",
            ColumnRef: lambda a, _: f"column {class_name(a.model)}.{a.column}",
            RelationRef: lambda a, _: f"relationship {class_name(a.model)}.{a.relationship}",
            Option: lambda a, _: f"loader option [{_loads(a.loads)}]",
            Aggregate: lambda a, _: f"SQL {a.name}()",
            Session: lambda a, _: _session(a),
            SessionFactory: lambda a, _: f"{'async ' if a.is_async else ''}session factory",
            ClassRef: lambda a, _: f"class {class_name(a.id)}",
            Instance: self._instance,
            Function: self._function,
            External: lambda a, _: f"{a.name} [outside the project]",
            ModuleRef: lambda a, _: f"module {self._named(a.path)}",
            BoundMethod: lambda a, n: f"method {a.name} of {self._inner(a.receiver, n)}",
            Const: lambda a, _: "a literal" if a == SOME else repr(a.value),
            Scalar: lambda a, _: "a literal" if a == SOME else "plain data",
            ScalarOf: lambda a, _: f"{class_name(a.model)}.{a.column}",
        }

    def value(self, value: Value) -> str:
        """Return a value in words, at most a line."""
        text = self._inner(value, _NESTED + 1)
        return text if len(text) <= _LIMIT else f"{text[: _LIMIT - 1]}…"

    def place(self, site: Site) -> str:
        """Return ``path:line`` of a site."""
        return f"{self._named(self._engine.path_of(site))}:{site.place[0]}"

    def function(self, function_id: str) -> str:
        """Return a function's name; a lambda is named by its line."""
        definition = self._engine.definition(function_id)
        if definition.facts.name == "<lambda>":
            return f"the lambda at {self._named(definition.path)}:{definition.facts.pos[0]}"
        return f"{function_id.partition(':')[2].partition('@')[0]}()"

    def _inner(self, value: Value, levels: int) -> str:
        if not value.atoms:
            return one_of(value.reason)
        if levels == 0:
            return "…"
        parts = (self._writers[type(atom)](atom, levels - 1) for atom in value.atoms)
        return " or ".join(dict.fromkeys(parts))

    def _row(self, atom: Row) -> str:
        parts = ["how it was loaded is unknown" if atom.loads is None else _loads(atom.loads)]
        if atom.origin is not None:
            through = f" through {'.'.join(atom.origin.path)}" if atom.origin.path else ""
            parts.append(f"queried at {self.place(atom.origin.site)}{through}")
        return "; ".join(parts)

    def _many(self, atom: Many, levels: int) -> str:
        head = _KINDS.get(atom.kind, f"{atom.kind} of")
        if atom.size is not None:
            head = f"{head} {atom.size}:"
        rows = [a for a in atom.item.atoms if type(a) is Row]
        if len(rows) == len(atom.item.atoms) == 1:
            plural = "" if atom.kind == "rows" else " rows"
            return f"{head} {class_name(rows[0].model)}{plural} [{self._row(rows[0])}]"
        return f"{head} {self._inner(atom.item, levels)}"

    def _statement(self, atom: Statement, levels: int) -> str:
        names = [class_name(name) for kind, name in atom.entities if name]
        style = {"query": "query", "flask-query": "query"}.get(atom.style, atom.style)
        options = f" [{_loads(atom.loads)}]" if atom.loads else ""
        return f"statement: {style} of {', '.join(names) or 'something unknown'}{options}"

    def _instance(self, atom: Instance, levels: int) -> str:
        if not atom.exact and not atom.fields:
            return f"a {class_name(atom.cls)}"
        fields = ", ".join(f"{name}={self._inner(value, levels)}" for name, value in atom.fields)
        return f"{class_name(atom.cls)}({fields})"

    def _function(self, atom: Function, levels: int) -> str:
        name = self.function(atom.id)
        return name if atom.receiver is None else f"{name} of {self._inner(atom.receiver, levels)}"


def _session(atom: Session) -> str:
    keeps = " that keeps rows at commit" if not atom.expires and atom.kind == "session" else ""
    return f"{'async ' if atom.is_async else ''}{atom.kind}{keeps}"


def _loads(loads: Loads) -> str:
    """Loader options in words; without any, the mapping decides."""
    named: dict[str, list[str]] = {}
    for load in sorted(loads):
        owner, _, path = load.rpartition("|")
        mark = path[:1] if path[:1] in _SUFFIX else ""
        text = "everything" if path[len(mark) :] == "*" else path[len(mark) :]
        if path not in (EXPIRED, PENDING):
            named.setdefault(_SUFFIX.get(mark, "loaded"), []).append(f"{class_name(owner)}.{text}" if owner else text)
    parts = [f"{word}: {', '.join(names)}" for word, names in named.items()]
    if EXPIRED in loads:
        parts.append("expired")
    if PENDING in loads:
        parts.append("added here")
    return "; ".join(parts) or "as mapped"
