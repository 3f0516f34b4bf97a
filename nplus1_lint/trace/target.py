"""Names, as a person writes them, to functions of the project."""

from __future__ import annotations

import difflib
from types import MappingProxyType
from typing import TYPE_CHECKING

from nplus1_lint.traces import TraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nplus1_lint.link import Project
    from nplus1_lint.link.hierarchy import Function

_SHOWN = 12  # candidates named in a message


def find(
    project: Project,
    text: str,
    named: Callable[[str], str],
    located: Callable[[str], str],
    unread: Mapping[str, str] = MappingProxyType({}),
) -> Function:
    """Return the function that a name means.

    Args:
        project: the linked project.
        text: ``function``, ``Class.method``, the same behind ``package.module:`` or ``folder/file.py:``, or a line
            inside the function as ``folder/file.py:41``. The front of a qualified name, a module or a path may be
            left out where the rest is clear.
        named: project path to the path that messages show.
        located: a path as the user writes it to a project path.
        unread: what is wrong with each file that could not be read or parsed, by project path.

    Raises:
        TraceError: It means no function, or several.
    """
    front, _, back = text.rpartition(":")
    if front and located(front) in unread:
        raise TraceError(f"nothing is known of {front}: line {unread[located(front)]}")
    paths = _modules(project, front, located) if front else list(project.symbols.modules)
    functions = [function for function in project.hierarchy.functions.values() if function.path in set(paths)]
    if front and back.isdigit():
        return _at_line(functions, paths, int(back), text, named)
    found = _named(functions, back)
    if not found and not front:
        found = [one for one in functions if _ends(one.id.replace(":", "."), text)]
    if len(found) == 1:
        return found[0]
    shown = [f"{named(one.path)}:{name_of(one)}" for one in sorted(found, key=lambda one: (one.path, one.facts.pos))]
    if shown:
        raise TraceError(
            f"{text!r} means {len(shown)} functions; name one of them with its class, and its module or file in "
            f"front:{_listed(shown)}"
        )
    raise TraceError(_unknown(project, functions, back, named, len(unread)))


def name_of(function: Function) -> str:
    """Return a function's qualified name inside its file."""
    return function.id.partition(":")[2]


def _modules(project: Project, front: str, located: Callable[[str], str]) -> list[str]:
    """The files that a module's name or a path means."""
    modules = project.symbols.modules
    if front.endswith(".py") or "/" in front or "\\" in front:
        exact, tail = located(front), front.replace("\\", "/").removeprefix("./")
        found = [exact] if exact in modules else [path for path in modules if _ends(path, tail, "/")]
    else:
        found = [path for path, module in modules.items() if _ends(module.name, front)]
    if not found:
        known = {module.name for module in modules.values()} | set(modules)
        near = difflib.get_close_matches(front, sorted(known), 3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; is it under PATHS?"
        raise TraceError(f"no file or module {front!r} among the {len(modules)} files read{hint}")
    return found


def _ends(name: str, end: str, separator: str = ".") -> bool:
    return name == end or name.endswith(f"{separator}{end}")


def _named(functions: Iterable[Function], name: str) -> list[Function]:
    found = [one for one in functions if _ends(name_of(one), name)]
    return [one for one in found if name_of(one) == name] or found


def _at_line(
    functions: list[Function], paths: list[str], line: int, text: str, named: Callable[[str], str]
) -> Function:
    if len(paths) > 1:
        shown = [f"{named(path)}:{line}" for path in sorted(paths)]
        raise TraceError(f"{text!r} means {len(paths)} files; name one of them:{_listed(shown)}")
    around = [one for one in functions if _first_line(one) <= line <= one.facts.pos[2]]
    if not around:
        raise TraceError(f"line {line} of {named(paths[0])} stands in no function; only functions are traced")
    return max(around, key=lambda one: (_first_line(one), one.facts.pos))


def _first_line(function: Function) -> int:
    """A function begins at its first decorator."""
    places = (getattr(decorator, "pos", function.facts.pos) for decorator in function.facts.decorators)
    return min([function.facts.pos[0], *(place[0] for place in places)])


def _unknown(project: Project, functions: list[Function], name: str, named: Callable[[str], str], unread: int) -> str:
    paths = {function.path for function in functions}
    for cls in project.hierarchy.classes.values():
        if cls.path in paths and cls.methods and _ends(cls.id.partition(":")[2], name):
            methods = [f"{named(cls.path)}:{name_of(method)}" for method in cls.methods.values()]
            return f"{name!r} is a class; name one of its methods:{_listed(methods)}"
    by_name: dict[str, set[str]] = {}
    for function in functions:
        full = name_of(function)
        for key in (full, full.rpartition(".")[2]):
            by_name.setdefault(key, set()).add(f"{named(function.path)}:{full}")
    near = difflib.get_close_matches(name, sorted(by_name), _SHOWN // 2)
    shown = sorted({one for key in near for one in by_name[key]})
    if shown:
        return f"there is no function {name!r}; did you mean one of these?{_listed(shown)}"
    missing = f" ({unread} file{'s' * (unread != 1)} could not be read or parsed)" if unread else ""
    return (
        f"there is no function {name!r} among the {len(functions)} functions of the files read; is it under PATHS?"
        f"{missing}"
    )


def _listed(names: list[str]) -> str:
    lines = [f"\n  {name}" for name in names[:_SHOWN]]
    more = f"\n  and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return "".join(lines) + more
