"""Which names a piece of code reads, which it binds, and which are free for generated code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.flag.source import SourceText


class _Reads(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def visit_Name(self, node: cst.Name) -> None:
        self.names.add(node.value)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False


class _Bindings(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()

    def _bind(self, target: cst.BaseExpression) -> None:
        if isinstance(target, cst.Name):
            self.names[target.value] += 1
        elif isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self._bind(element.value)
        elif isinstance(target, cst.StarredElement):
            self._bind(target.value)

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self._bind(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self._bind(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._bind(node.target)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._bind(node.target)

    def visit_For(self, node: cst.For) -> None:
        self._bind(node.target)

    def visit_CompFor(self, node: cst.CompFor) -> None:
        self._bind(node.target)

    def visit_AsName(self, node: cst.AsName) -> None:
        self._bind(node.name)

    def visit_Param(self, node: cst.Param) -> None:
        self._bind(node.name)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._bind(node.name)


def reads(node: cst.CSTNode) -> set[str]:
    """The names that some code needs from outside: no attributes, keywords or variables of its own comprehensions."""
    visitor = _Reads()
    node.visit(visitor)
    return visitor.names - set(bindings(node)) if isinstance(node, cst.BaseExpression) else visitor.names


def bindings(node: cst.CSTNode) -> Counter[str]:
    """How often some code binds each name, nested scopes included."""
    visitor = _Bindings()
    node.visit(visitor)
    return visitor.names


def targets(target: cst.BaseExpression) -> set[str]:
    """The names that an assignment or loop target binds."""
    visitor = _Bindings()
    visitor._bind(target)
    return set(visitor.names)


class Names:
    """Gives names that collide with none of a function.

    Args:
        taken: the words that stand in the function.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def fresh(self, *wanted: str) -> str:
        """Take the first free name of several, else the last with a number.

        Args:
            wanted: names in order of preference.

        Returns:
            A name that is from now on taken.
        """
        numbered = (f"{wanted[-1]}_{number}" for number in range(2, len(self._taken) + 3))
        name = next(name for name in (*wanted, *numbered) if name not in self._taken)
        self._taken.add(name)
        return name


def import_of(source: SourceText, module: str, name: str) -> tuple[str, str | None]:
    """How a file may write a name of a library.

    Args:
        source: the file.
        module: the module that exports the name.
        name: the name.

    Returns:
        The expression to write, and the import line that it needs (None when the file already imports it).
    """
    for line in source.logical:
        if line.word not in ("from", "import"):
            continue
        words = source.lines(line.first, line.last).replace("(", " ").replace(")", " ").replace(",", " ").split()
        if line.word == "from" and "import" in words:
            imported = words[words.index("import") + 1 :]
            if name in imported and words[1].partition(".")[0] in (module.partition(".")[0], "sqlmodel"):
                at = imported.index(name)
                return (imported[at + 2] if imported[at + 1 : at + 2] == ["as"] else name), None
        elif words[1:2] == [module]:
            alias = words[3] if words[2:3] == ["as"] else module
            return f"{alias}.{name}", None
    return name, f"from {module} import {name}"
