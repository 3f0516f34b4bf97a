"""Statements of Jinja templates to the IR: a template becomes one function per part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nplus1_lint.index import facts as f
from nplus1_lint.index.template_expressions import Expressions
from nplus1_lint.index.template_facts import TEMPLATE, TemplateFacts, linked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ON_TOP: f.Place = (1, 0, 1, 0)


def lower_template(path: str, tree: Any, *, complete: bool) -> TemplateFacts:
    """Lower a parsed template.

    Args:
        path: project path of the template.
        tree: the root node that Jinja's parser gave.
        complete: the parser has left nothing out.

    Returns:
        The facts; a child's own text ends with a call of the template that it extends, named or not.
    """
    return _Lowering(path, complete).template(tree)


class _Lowering(Expressions):
    """Lowers one template; holds the part that is being lowered."""

    def __init__(self, path: str, complete: bool) -> None:
        super().__init__()
        self._path = path
        self._complete = complete
        self._extends: tuple[str, ...] = ()
        self._is_child = False
        self._prints = True
        self._parts: list[f.FunctionFacts] = []
        self._stmt: dict[str, Callable[[Any], Iterable[f.Stmt]]] = {
            "Output": self._output,
            "For": self._for,
            "If": self._if,
            "Macro": self._macro,
            "CallBlock": self._call_block,
            "FilterBlock": self._filter_block,
            "With": self._with,
            "Block": self._block,
            "Include": self._include,
            "Import": self._import,
            "FromImport": self._from_import,
            "ExprStmt": lambda n: (f.ExprStmt(self.expr(n.node), self.place(n)),),
            "Assign": lambda n: (f.Assign((self.expr(n.target),), self.expr(n.node), self.place(n)),),
            "AssignBlock": self._assign_block,
            "Extends": self._extend,
            "Break": lambda n: (f.Break(self.place(n)),),
            "Continue": lambda n: (f.Continue(self.place(n)),),
            "Scope": lambda n: self.block_of(n.body),
            "OverlayScope": lambda n: self.block_of(n.body),
            "EvalContextModifier": lambda _: (),
            "ScopedEvalContextModifier": lambda n: self.block_of(n.body),
        }

    def template(self, tree: Any) -> TemplateFacts:
        """Lower the whole template."""
        self._is_child = any(type(node).__name__ == "Extends" for node in tree.body)
        body = self._top(tree.body)
        if self._is_child or self._extends:
            base = self.link(tree, "extends", "", self._extends)
            body = (*body, f.ExprStmt(f.Call(base, (), (), self.place(tree)), self.place(tree)))
        text = self._function(TEMPLATE, (), body, _ON_TOP)
        return TemplateFacts(self._path, (text, *self._parts), self._extends, self._complete)

    def _top(self, nodes: Iterable[Any]) -> tuple[f.Stmt, ...]:
        """Lower the top level: of a child, only what does not print runs, and its blocks where the base has them."""
        statements: list[f.Stmt] = []
        self._prints = not self._is_child
        for node in nodes:
            lowered = tuple(self._statement(node))
            if not (self._is_child and type(node).__name__ == "Block"):
                statements += lowered
        self._prints = True
        return tuple(statements)

    def _kept(self, nodes: Iterable[Any]) -> tuple[f.Stmt, ...]:
        """Lower a suite whose text is used in place of being printed."""
        outer, self._prints = self._prints, True
        body = self.block_of(nodes)
        self._prints = outer
        return body

    def block_of(self, nodes: Iterable[Any]) -> tuple[f.Stmt, ...]:
        """Lower a suite."""
        return tuple([statement for node in nodes for statement in self._statement(node)])

    def _statement(self, node: Any) -> Iterable[f.Stmt]:
        handler = self._stmt.get(type(node).__name__)
        if handler is None:
            self._complete = False
            return ()
        return handler(node)

    # -- parts ----------------------------------------------------------------------------------------------------

    def _part(
        self, name: str, declared: tuple[f.Param, ...], lower: Callable[[], tuple[f.Stmt, ...]], place: f.Place
    ) -> None:
        """Lower a block or macro on its own: it takes its names from the context in which it runs."""
        outer = self.names, self.roots, self.mentions, self._prints
        self.names, self.roots, self.mentions, self._prints = set(), set(), set(), True
        self._parts.append(self._function(name, declared, lower(), place))
        self.names, self.roots, self.mentions, self._prints = outer

    def _function(
        self, name: str, declared: tuple[f.Param, ...], body: tuple[f.Stmt, ...], place: f.Place
    ) -> f.FunctionFacts:
        own = {param.name for param in declared}
        # The first parameters have a bit each in masks, so those that are read into come first.
        order = sorted(self.names - own, key=lambda one: (linked(one) is not None, one not in self.roots, one))
        params = (*declared, *(f.Param(one, "keyword", None, None) for one in order))
        suite = f.Suite(body, place, frozenset(self.mentions), frozenset())
        return f.FunctionFacts(suite, name, "", params, None, (), False, False, True)

    def _params(self, node: Any) -> tuple[f.Param, ...]:
        """The arguments that a macro declares; a default that is no literal is not followed."""
        without = len(node.args) - len(node.defaults)
        found = []
        for position, arg in enumerate(node.args):
            default = self.expr(node.defaults[position - without]) if position >= without else None
            found.append(f.Param(arg.name, "positional", None, default if isinstance(default, f.Const) else None))
        return tuple(found)

    def _macro(self, node: Any) -> Iterable[f.Stmt]:
        params = self._params(node)
        self._part(f"macro {node.name}", params, lambda: self.block_of(node.body), self.place(node))
        return (f.Assign((self.name(node.name, node),), self.link(node, "macro", node.name), self.place(node)),)

    def _block(self, node: Any) -> Iterable[f.Stmt]:
        outer, self.block = self.block, node.name
        self._part(f"block {node.name}", (), lambda: self.block_of(node.body), self.place(node))
        self.block = outer
        call = f.Call(self.link(node, "block", node.name), (), (), self.place(node))
        return (f.ExprStmt(call, self.place(node)),)

    def _call_block(self, node: Any) -> Iterable[f.Stmt]:
        """``{% call(x) macro() %}``: the macro is given a function named `caller`."""
        mentions, self.mentions = self.mentions, set()
        params, body = self._params(node), self._kept(node.body)
        place = self.place(node)
        name = f"caller {place[1]}"
        inner = frozenset(self.mentions)
        self.mentions = mentions | inner
        suite = f.Suite(body, place, inner, frozenset())
        caller = f.FunctionFacts(suite, name, "", params, None, (), False, False, True)
        call = self.called(node.call, self.expr(node.call.node))
        keywords = (*call.keywords, ("caller", f.Name(name, self.place(node))))
        called = f.Call(call.func, call.args, keywords, call.pos)
        return (f.Def(caller), f.ExprStmt(f.Opaque((called,)), self.place(node)))

    # -- other templates ------------------------------------------------------------------------------------------

    def _targets(self, node: Any) -> tuple[str, ...]:
        """The templates that an expression may name; none, and the facts incomplete, where it does not say."""
        found = tuple(dict.fromkeys(_literals(node)))
        if not found or type(node).__name__ in ("CondExpr", "And", "Or"):
            self._complete = False
        return found

    def _extend(self, node: Any) -> Iterable[f.Stmt]:
        self._extends = self._extends or self._targets(node.template)
        return ()

    def _include(self, node: Any) -> Iterable[f.Stmt]:
        targets = self._targets(node.template)
        if not targets:
            return ()
        verb = "include" if node.with_context else "include-alone"
        call = f.Call(self.link(node, verb, "", targets), (), (), self.place(node))
        return (f.ExprStmt(call, self.place(node)),)

    def _import(self, node: Any) -> Iterable[f.Stmt]:
        targets = self._targets(node.template)
        if targets:
            self.modules[node.target] = ("import-with-context" if node.with_context else "import", targets)
        return ()

    def _from_import(self, node: Any) -> Iterable[f.Stmt]:
        targets = self._targets(node.template)
        verb = "import-with-context" if node.with_context else "import"
        statements = []
        for one in node.names:
            name, alias = one if isinstance(one, tuple) else (one, one)
            value: f.Expr = self.link(node, verb, name, targets) if targets else f.Opaque(())
            statements.append(f.Assign((self.name(alias, node),), value, self.place(node)))
        return statements

    # -- statements -----------------------------------------------------------------------------------------------

    def _output(self, node: Any) -> Iterable[f.Stmt]:
        for part in node.nodes if self._prints else ():
            if type(part).__name__ not in ("TemplateData", "Const"):
                yield f.ExprStmt(f.Opaque((self.expr(part),)), self.place(part))

    def _for(self, node: Any) -> Iterable[f.Stmt]:
        place = self.place(node)
        iterable = self.rooted(self.expr(node.iter))
        target = self.expr(node.target)
        test = self.expr(node.test) if node.test is not None else None
        body = self.block_of(node.body)
        if test is not None:
            body = (f.If(test, body, (), self.place(node)),)
        return (f.For(target, iterable, body, self.block_of(node.else_), False, place),)

    def _if(self, node: Any) -> Iterable[f.Stmt]:
        test, body = self.condition(node.test), self.block_of(node.body)
        branches = [(self.condition(one.test), self.block_of(one.body), self.place(one)) for one in node.elif_]
        orelse = self.block_of(node.else_)
        for other, taken, place in reversed(branches):
            orelse = (f.If(other, taken, orelse, place),)
        return (f.If(test, body, orelse, self.place(node)),)

    def _with(self, node: Any) -> Iterable[f.Stmt]:
        for target, value in zip(node.targets, node.values, strict=True):
            yield f.Assign((self.expr(target),), self.expr(value), self.place(node))
        yield from self.block_of(node.body)

    def _filter_block(self, node: Any) -> Iterable[f.Stmt]:
        return (*self._kept(node.body), f.ExprStmt(self.expr(node.filter), self.place(node)))

    def _assign_block(self, node: Any) -> Iterable[f.Stmt]:
        return (*self._kept(node.body), f.Assign((self.expr(node.target),), f.Opaque(()), self.place(node)))


def _literals(node: Any) -> list[str]:
    """The strings that an expression may give: a literal, either side of a choice, the items of a list.

    A function of one literal, as in ``theme("layout.html")``, gives a variant of what it names.
    """
    kind = type(node).__name__
    if kind == "Const":
        return [node.value] if isinstance(node.value, str) else []
    if kind in ("List", "Tuple"):
        return [name for item in node.items for name in _literals(item)]
    if kind == "CondExpr":
        return [*_literals(node.expr1), *(_literals(node.expr2) if node.expr2 is not None else [])]
    if kind in ("And", "Or"):
        return [*_literals(node.left), *_literals(node.right)]
    if kind == "Call" and len(node.args) == 1 and not node.kwargs:
        return _literals(node.args[0]) if type(node.args[0]).__name__ == "Const" else []
    return []
