"""How the name of a function reaches a call: the files that import it, each from the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.modules import absolute
from nplus1_lint.index.walk import calls, dotted, statements
from nplus1_lint.link.symbols import FunctionSymbol, ModuleSymbol, import_bindings

if TYPE_CHECKING:
    from nplus1_lint.link import Project
    from nplus1_lint.link.hierarchy import Function as Definition
    from nplus1_lint.link.symbols import Symbol, Symbols

    Chain = tuple[tuple[str, str | None], ...]


def import_chain(project: Project, path: str, caller_id: str, call: f.Place, target: Definition) -> Chain | None:
    """Return the files through which a call names a function.

    Args:
        project: names and functions.
        path: project path of the call's file.
        caller_id: id of the function in which it stands.
        call: the call.
        target: the function that it runs.

    Returns:
        Each file that imports the name, with the absolute module that it names, None for ``*``; none for methods and
        for functions of the same file. None where the name reaches the call in another way.
    """
    if target.cls is not None:
        return ()
    caller = project.hierarchy.functions.get(caller_id)
    body = caller.facts.body if caller is not None else project.symbols.modules[path].facts.body.body
    func = next((one.func for one in calls(body) if one.pos == call), None)
    name = target.facts.name
    local = _imported_in(body)
    if isinstance(func, f.Name):
        here: str | None = path
        if caller is not None and any(param.name == func.id for param in caller.facts.params):
            return None
    elif isinstance(func, f.Attr):
        receiver = _resolved(project.symbols, path, local, dotted(func.value))
        here = receiver.path if isinstance(receiver, ModuleSymbol) else None
    else:
        return None
    return _followed(project.symbols, here, local if here == path else {}, name, target)


def _imported_in(body: tuple[f.Stmt, ...]) -> dict[str, tuple[str, int, str | None]]:
    """What the imports of a suite bind, as in `Module.imports`."""
    found = [one for one in statements(body) if isinstance(one, f.Import)]
    return {local: target for one in found for local, target in import_bindings(one)}


def _resolved(
    symbols: Symbols, path: str, local: dict[str, tuple[str, int, str | None]], written: str | None
) -> Symbol | None:
    """What a dotted name stands for."""
    first, *rest = (written or "").split(".")
    symbol = symbols.resolve_import(path, *local[first]) if first in local else symbols.resolve(path, first)
    for name in rest:
        symbol = symbols.member(symbol, name, path) if symbol is not None else None
    return symbol


def _followed(
    symbols: Symbols,
    here: str | None,
    local: dict[str, tuple[str, int, str | None]],
    name: str,
    target: Definition,
) -> Chain | None:
    """The files from one on, up to the function's own."""
    chain: list[tuple[str, str | None]] = []
    while here is not None and here != target.path and len(chain) < len(symbols.modules):
        module = symbols.modules[here]
        imported = local.get(name) or module.imports.get(name)
        local = {}
        if imported is not None:
            written = absolute(here, *imported[:2])
            if imported[2] != name or written is None:
                return None
            chain.append((here, written))
            here = symbols.find_module(written, here)
        else:
            following = _by_star(symbols, here, name, target)
            chain.append((here, None))
            here = following
    return tuple(chain) if here == target.path else None


def _by_star(symbols: Symbols, path: str, name: str, target: Definition) -> str | None:
    """The module from which ``import *`` gets a function, if what stands beside it there is got as well."""
    for written, level in symbols.modules[path].stars:
        module = absolute(path, written, level)
        found = symbols.find_module(module, path) if module is not None else None
        if found is None or symbols.resolve(found, name) != FunctionSymbol(target.id):
            continue
        exported = symbols.modules[found].assigns.get("__all__")
        listed = exported is None or (len(exported) == 1 and _names(exported[0], name))
        return found if listed and not name.startswith("_") else None
    return None


def _names(exported: f.Expr, name: str) -> bool:
    items = exported.items if isinstance(exported, f.Display) else ()
    return any(isinstance(one, f.Const) and one.value == name for one in items)
