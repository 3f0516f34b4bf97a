"""Who may notice an edit: the names that mean something else since, in each file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index.walk import children, last_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from nplus1_lint.edits.compare import Edit
    from nplus1_lint.index import facts as f
    from nplus1_lint.link import Project

BY_STRING: Final = frozenset({"getattr", "methodcaller", "attrgetter", "Method", "Function"})
"""What takes a name as a string."""


class Told:
    """The names that mean something else since some edits, until no file tells another one more.

    Args:
        project: as it is now.
        edits: since then.
        names: names by which anybody may notice.
    """

    def __init__(self, project: Project, edits: Iterable[Edit], names: Iterable[str]) -> None:
        self._modules = {path: module.facts for path, module in project.symbols.modules.items()}
        self._everywhere = set(names)
        self._here = {edit.path: set(edit.bound) for edit in edits if edit.bound}
        self._functions = project.hierarchy.functions_by_path
        functions = project.hierarchy.functions.values()
        decorated = [(one.path, one.facts) for one in functions if one.facts.decorators]
        while self._grows(decorated):
            pass

    def names_in(self, path: str) -> set[str]:
        """Return the names that mean something else in a file."""
        return self._everywhere | self._here.get(path, set())

    def functions_in(self, path: str, names: Collection[str]) -> set[str]:
        """Return the ids of the functions of a file that mention a name."""
        return {one.id for one in self._functions.get(path, ()) if not one.facts.mentions.isdisjoint(names)}

    def _grows(self, decorated: Iterable[tuple[str, f.FunctionFacts]]) -> bool:
        """Let each file tell the others once; False if nobody has learnt anything."""
        before = len(self._everywhere), sum(map(len, self._here.values()))
        if not any(before):
            return False
        for path, module in self._modules.items():
            found = self._imported(path, module)
            if found:
                self._here.setdefault(path, set()).update(found)
        for path, facts in decorated:
            if not self.names_in(path).isdisjoint(_words(facts.decorators)):
                self._everywhere.add(facts.name)
        return before != (len(self._everywhere), sum(map(len, self._here.values())))

    def _imported(self, path: str, module: f.ModuleFacts) -> set[str]:
        """Return the names by which a file imports what means something else."""
        found: set[str] = set()
        sources = [(_stem(source), names) for source, names in self._here.items() if source != path]
        for statement in module.imports:
            source = (statement.module or "").rpartition(".")[2]
            for alias in statement.names:
                if alias.asname is not None and alias.name in self._everywhere:
                    found.add(alias.asname)
                for stem, names in sources:
                    if source == stem and alias.name in names:
                        found.add(alias.asname or alias.name)
                    elif (source == stem and alias.name == "*") or alias.name.rpartition(".")[2] == stem:
                        found |= names
        return found


def _stem(path: str) -> str:
    return path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]


def _words(exprs: Iterable[f.Expr]) -> set[str]:
    """Every name and attribute in some expressions."""
    found: set[str] = set()
    waiting = list(exprs)
    for expr in waiting:
        found.add(last_name(expr))
        waiting += children(expr)
    return found
