"""Rounds of a loop: whether a second one could see anything that the first has not seen.

A name that each round assigns before it reads it is new to the head of the second round, and tells it nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import children, names
from nplus1_lint.infer.library import ADDERS, EXTENDERS
from nplus1_lint.infer.values import Function, Many, Mapping, Row, Tuple, Value
from nplus1_lint.link.symbols import import_bindings

if TYPE_CHECKING:
    from nplus1_lint.infer.state import Binding

_JUMPS = (f.Return, f.Raise, f.Break, f.Continue)
_DEPTH = 4
_CONTAINERS = frozenset({Many, Mapping})


class Seen(NamedTuple):
    """What a round of a loop takes over from the round before it.

    Attributes:
        bound: names that the head binds anew.
        reads: names that the head or the body may read before the round has assigned them, for more than the next two.
        added: names of containers to which the body only adds: what a second round would add is there already.
        counted: names of which an augmented assignment alone reads anything.
        whole: False where the body reads names in ways that are not followed.
    """

    bound: frozenset[str]
    reads: frozenset[str]
    added: frozenset[str]
    counted: frozenset[str]
    whole: bool


def of_loop(known: dict[int, tuple[object, Seen]], loop: f.For | f.While) -> Seen:
    """Return what a round of a ``for`` or ``while`` takes over, told once however often the loop runs.

    Args:
        known: what has been told, by the loop.
        loop: the statement.
    """
    found = known.get(id(loop))
    if found is None:
        reader = _Reader()
        held: set[str] = set()
        if isinstance(loop, f.While):
            reader.expr(loop.test, held)
        else:
            reader.target(loop.target, held)
        bound = frozenset(held)
        reader.suite(loop.body, held)
        found = known[id(loop)] = (loop, reader.seen(bound))
    return found[1]


def of_comprehension(known: dict[int, tuple[object, Seen]], expr: f.Comprehension, index: int) -> Seen:
    """Return the same for one of the generators of a comprehension, with all that stands inside it."""
    generator = expr.generators[index]
    found = known.get(id(generator))
    if found is None:
        reader = _Reader()
        held: set[str] = set()
        reader.target(generator.target, held)
        bound = frozenset(held)
        reader.inside(expr, index, held)
        found = known[id(generator)] = (generator, reader.seen(bound))
    return found[1]


def is_same(seen: Seen, before: dict[str, Binding], after: dict[str, Binding], *, leaves: bool) -> bool:
    """True if a round that begins with *after* does what the round that began with *before* did.

    Args:
        seen: what a round takes over.
        before: the names at the first round's head.
        after: the names at the second round's head.
        leaves: a path has left the function from inside the first round: what it leaves on the receiver is kept.
    """
    if not seen.whole:
        return False
    changed: list[str] = []
    for name, binding in after.items():
        known = before.get(name)
        if known is binding:
            continue
        if known is not None and known.mask == binding.mask and known.value == binding.value:
            continue
        root, _, rest = name.partition(".")
        if root in seen.reads or (rest and leaves):
            return False
        if root in seen.added and (known is None or not _CONTAINERS.intersection(map(type, known.value.atoms))):
            return False
        if root in seen.counted and (known is None or rest):
            return False
        if root not in seen.bound and _holds_rows(binding.value, _DEPTH):
            return False  # rows that a name holds answer for the identity map, whoever reads the name
        changed.append(name)
    return captured.isdisjoint(changed) if (captured := _captured(after)) else True


def _captured(env: dict[str, Binding]) -> set[str]:
    """Names that the functions in an environment have captured: a call of one asks on what they depend by then."""
    found: set[str] = set()
    for binding in env.values():
        for atom in binding.value.atoms:
            if type(atom) is Function and atom.captured:
                found.update(name for name, _ in atom.captured)
    return found


def _holds_rows(value: Value, depth: int) -> bool:
    for atom in value.atoms if depth else ():
        kind = type(atom)
        if (
            kind is Row
            or (kind is Many and _holds_rows(atom.item, depth - 1))
            or (kind is Mapping and _holds_rows(atom.value, depth - 1))
            or (kind is Tuple and any(_holds_rows(item, depth - 1) for item in atom.items))
        ):
            return True
    return False


def _added_to(expr: f.Expr) -> tuple[str, tuple[f.Expr, ...]] | None:
    """The container and the arguments of ``container.append(item)`` and its kind."""
    if not isinstance(expr, f.Call) or expr.keywords or not expr.args or not isinstance(expr.func, f.Attr):
        return None
    if not isinstance(expr.func.value, f.Name) or expr.func.name not in ADDERS | EXTENDERS:
        return None
    return expr.func.value.id, expr.args


class _Reader:
    """Walks over a loop's body in the order of its running, with the names that every path has assigned so far."""

    def __init__(self) -> None:
        self._reads: set[str] = set()
        self._added: set[str] = set()
        self._counted: set[str] = set()
        self._whole = True

    def seen(self, bound: frozenset[str]) -> Seen:
        """Return what was found."""
        return Seen(bound, frozenset(self._reads), frozenset(self._added), frozenset(self._counted), self._whole)

    def suite(self, body: tuple[f.Stmt, ...], held: set[str]) -> None:
        """Read a suite; *held* has what is assigned at its end."""
        for statement in body:
            self._statement(statement, held)

    def _statement(self, statement: f.Stmt, held: set[str]) -> None:
        if isinstance(statement, f.Assign):
            self.expr(statement.value, held)
            for target in statement.targets:
                if isinstance(target, f.Subscript) and isinstance(target.value, f.Name):
                    self.expr(target.index, held)
                    self._added |= {target.value.id} - held
                else:
                    self.target(target, held)
        elif isinstance(statement, (f.AnnAssign, f.AugAssign)):
            self._annotated(statement, held)
        elif isinstance(statement, (f.ExprStmt, f.Return, f.Raise)):
            if isinstance(statement, f.ExprStmt) and (added := _added_to(statement.value)) is not None:
                self._added |= {added[0]} - held
                for argument in added[1]:
                    self.expr(argument, held)
            elif statement.value is not None:
                self.expr(statement.value, held)
        elif isinstance(statement, f.Delete):
            for target in statement.targets:
                self.expr(target, held)
        elif isinstance(statement, (f.If, f.For, f.While, f.With, f.Try)):
            self._compound(statement, held)
        elif isinstance(statement, f.Def):
            self._function(statement.function, held)
            held.add(statement.function.name)
        elif isinstance(statement, f.Import):
            held.update(local for local, _ in import_bindings(statement))
        elif not isinstance(statement, (f.Break, f.Continue)):
            self._whole = False  # a class, or a name of another scope

    def _annotated(self, statement: f.AnnAssign | f.AugAssign, held: set[str]) -> None:
        if statement.value is not None:
            self.expr(statement.value, held)
        if isinstance(statement, f.AugAssign):
            if isinstance(statement.target, f.Name):
                self._counted |= {statement.target.id} - held
            else:
                self.expr(statement.target, held)
        elif statement.value is not None or isinstance(statement.target, f.Name):
            self.target(statement.target, held)

    def _compound(self, statement: f.If | f.For | f.While | f.With | f.Try, held: set[str]) -> None:
        if isinstance(statement, f.If):
            self.expr(statement.test, held)
            self._branches([(statement.body, ""), (statement.orelse, "")], held)
        elif isinstance(statement, f.With):
            for context, target in statement.items:
                self.expr(context, held)
                if target is not None:
                    self.target(target, held)
            self.suite(statement.body, held)
        elif isinstance(statement, f.Try):
            ways = [((*statement.body, *statement.orelse), ""), *[(h.body, h.name or "") for h in statement.handlers]]
            self._branches(ways, held)
            self.suite(statement.final, held)
        else:
            inside = set(held)
            if isinstance(statement, f.For):
                self.expr(statement.iterable, held)
                self.target(statement.target, inside)
            else:
                self.expr(statement.test, held)
            self.suite(statement.body, inside)
            self.suite(statement.orelse, set(held))

    def _branches(self, suites: list[tuple[tuple[f.Stmt, ...], str]], held: set[str]) -> None:
        """Alternatives, each with a name that it begins with: what all that go on assign is assigned after them."""
        ends: list[set[str]] = []
        for suite, name in suites:
            inside = {*held, name}
            self.suite(suite, inside)
            if not suite or not isinstance(suite[-1], _JUMPS):
                ends.append(inside)
        if ends:
            held |= set.intersection(*ends)

    def target(self, target: f.Expr, held: set[str]) -> None:
        """Assign a target."""
        if isinstance(target, f.Name):
            held.add(target.id)
        elif isinstance(target, f.Display):
            for item in target.items:
                self.target(item, held)
        elif isinstance(target, f.Starred):
            self.target(target.value, held)
        else:
            self.expr(target, held)

    def expr(self, expr: f.Expr, held: set[str]) -> None:
        """Read an expression; what it assigns itself counts for nothing, since not every path runs it."""
        if isinstance(expr, f.Name):
            if expr.id not in held:
                self._reads.add(expr.id)
        elif isinstance(expr, f.Comprehension):
            inside = set(held)
            self.expr(expr.generators[0].iterable, held)
            self.target(expr.generators[0].target, inside)
            self.inside(expr, 0, inside)
        elif isinstance(expr, f.Lambda):
            self._function(expr.function, held)
        else:
            for child in children(expr):
                self.expr(child, held)

    def inside(self, expr: f.Comprehension, index: int, held: set[str]) -> None:
        """Read what runs for each item of one of a comprehension's generators."""
        for condition in expr.generators[index].conditions:
            self.expr(condition, held)
        if index + 1 < len(expr.generators):
            self.expr(expr.generators[index + 1].iterable, held)
            self.target(expr.generators[index + 1].target, held)
            self.inside(expr, index + 1, held)
            return
        if expr.key is not None:
            self.expr(expr.key, held)
        self.expr(expr.element, held)

    def _function(self, function: f.FunctionFacts, held: set[str]) -> None:
        self._reads |= function.mentions - held
        for param in function.params:
            if param.default is not None:
                self._reads.update(name for name in names(param.default) if name not in held)
