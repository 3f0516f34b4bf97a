"""Code that must not run a second time: it consumes something, or need not give the same again.

A call is repeated where nothing speaks against it: a function of the language or of the standard library that gives the
same for the same, a method of a value, a class, a function of the file of which all this is true. What another file of
the project, another package or a parameter gives is not looked into, and not repeated.
"""

from __future__ import annotations

import builtins
import re
import sys
from typing import TYPE_CHECKING, Final

import libcst as cst

from nplus1_lint.flag.names import walk

if TYPE_CHECKING:
    from nplus1_lint.flag.source import SourceText
    from nplus1_lint.flag.visitor import Region

_CONSUMERS: Final = frozenset({"get_nowait", "input", "next", "pop", "popitem", "popleft", "read", "readline", "recv"})
_EXECUTORS: Final = frozenset({
    "all", "execute", "fetchall", "fetchmany", "fetchone", "first", "first_or_404", "get_or_404", "one", "one_or_404",
    "one_or_none", "scalar", "scalar_one", "scalar_one_or_none", "scalars",
})  # fmt: skip
# Python, "random", "secrets", "uuid", "time", "datetime", "tempfile": what gives something else each time.
_CHANGING: Final = frozenset({
    "choice", "choices", "getrandbits", "gmtime", "localtime", "mkdtemp", "mkstemp", "mktemp", "monotonic",
    "monotonic_ns", "now", "open", "perf_counter", "perf_counter_ns", "process_time", "randbelow", "randbits",
    "randbytes", "randint", "random", "randrange", "sample", "shuffle", "time", "time_ns", "today", "token_bytes",
    "token_hex", "token_urlsafe", "uniform", "urandom", "utcnow", "uuid1", "uuid4", "uuid6", "uuid7",
})  # fmt: skip
_ONCE: Final = _CONSUMERS | _EXECUTORS | _CHANGING
_STORING: Final = (cst.Await, cst.Yield, cst.Global, cst.Nonlocal)
_DEPTH: Final = 3
"""Functions that call each other; deeper ones are not looked into."""


def once_only(region: Region, node: cst.CSTNode, session: str) -> bool:
    """True for code that must not run a second time.

    Args:
        region: the parsed statements.
        node: the code.
        session: the code of the session, which is not asked twice.
    """
    for here in walk(node):
        if isinstance(here, (cst.Await, cst.Yield, cst.NamedExpr)):
            return True
        if isinstance(here, cst.Call) and _is_once(region.source, _name_of(region, here.func), _DEPTH):
            return True
    return session in region.code(node)


def _name_of(region: Region, func: cst.BaseExpression) -> str:
    """A callee's dotted name; for a method of another expression the method's, behind a dot."""
    if isinstance(func, cst.Attribute):
        base = _name_of(region, func.value) if isinstance(func.value, (cst.Name, cst.Attribute)) else ""
        return f"{base}.{func.attr.value}"
    return func.value if isinstance(func, cst.Name) else ""


def _is_once(source: SourceText, name: str, depth: int) -> bool:
    first, _, rest = name.partition(".")
    last = name.rpartition(".")[2]
    if last in _ONCE or not name:
        return True
    if not first:
        return False  # a method of a value
    if rest and first in ("self", "cls"):
        return "." not in rest and _body_is_once(source, last, depth)
    imported = [one for one in source.imports if one.bound == first]
    if imported:
        library = all((one.module or "").partition(".")[0] in sys.stdlib_module_names for one in imported)
        return not (library or last[:1].isupper())
    if rest:
        return False
    if hasattr(builtins, name) or name[:1].isupper():
        return False
    return _body_is_once(source, name, depth)


def _body_is_once(source: SourceText, name: str, depth: int) -> bool:
    """True unless each function of a name in a file can run twice, and there is one."""
    headers = [at for at, line in enumerate(source.logical) if source.is_def(at) and _defines(source, line.first, name)]
    return not headers or depth == 0 or any(_changes(source, at, depth) for at in headers)


def _defines(source: SourceText, line: int, name: str) -> bool:
    return re.match(rf"\s*(?:async\s+)?def\s+{re.escape(name)}\b", source.line(line)) is not None


def _changes(source: SourceText, header: int, depth: int) -> bool:
    """True for a function that stores something, or calls what must not run twice."""
    line = source.logical[header].first
    run = source.statements(line, line)
    if run is None:
        return True
    region = source.region(*run)
    for node in walk(region.module):
        if isinstance(node, _STORING):
            return True
        stored = node.target if isinstance(node, (cst.AssignTarget, cst.AugAssign)) else None
        if isinstance(stored, (cst.Attribute, cst.Subscript)):
            return True
        if isinstance(node, cst.Call) and _is_once(source, _name_of(region, node.func), depth - 1):
            return True
    return False
