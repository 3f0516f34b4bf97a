"""How a module may write a class of the project: the name that it knows, or the import that its own imports suggest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index.modules import absolute
from nplus1_lint.link.symbols import ClassSymbol, ModuleSymbol

if TYPE_CHECKING:
    from nplus1_lint.link.symbols import Symbols


def written(symbols: Symbols, path: str, class_id: str) -> tuple[str, str] | None:
    """Return how a module may write a class.

    Args:
        symbols: the names of all modules.
        path: project path of the module.
        class_id: ``module.name:qualname``.

    Returns:
        The expression, and the absolute name of the module from which the name must be imported first (an empty
        string when it is known); None when no import of the file shows the way.
    """
    wanted, bare = ClassSymbol(class_id), class_id.rpartition(":")[2]
    module = symbols.modules.get(path)
    if module is None:
        return None  # a template writes no class
    for name in sorted({*module.imports, *module.classes}):
        if symbols.resolve(path, name) == wanted:
            return name, ""
    for name in sorted(module.imports):
        found = symbols.resolve(path, name)
        if isinstance(found, ModuleSymbol) and symbols.resolve(found.path, bare) == wanted:
            return f"{name}.{bare}", ""
    if symbols.resolve(path, bare) is not None:
        return None  # the name is taken
    for dotted, level, imported in dict.fromkeys(module.imports[name] for name in sorted(module.imports)):
        if imported is not None and symbols.resolve_import(path, dotted, level, bare) == wanted:
            target = absolute(path, dotted, level)
            return (bare, target) if target else None
    return None
