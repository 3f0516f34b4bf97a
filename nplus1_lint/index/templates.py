"""Jinja templates: which modules render any, which folders they name, and the facts of a template on demand.

The one place that imports Jinja, and only to parse: no template is compiled or rendered, and no filter, extension or
loader of the checked code is imported. Without Jinja (the extra ``templates``) there are no facts of templates.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from nplus1_lint.index import facts as f
from nplus1_lint.index.template_facts import TemplateFacts
from nplus1_lint.index.walk import call_name, calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

RENDERING_NAMES: Final = frozenset({
    "render_template", "stream_template", "render_theme_template", "TemplateResponse", "Jinja2Templates",
    "get_template", "get_or_select_template", "get_template_attribute", "jinja2", "view_config", "view_defaults",
})  # fmt: skip
LOADING_NAMES: Final = frozenset(
    {"Jinja2Templates", "FileSystemLoader", "Flask", "Blueprint", "APIFlask", "APIBlueprint", "Quart"}
)
_LIMIT: Final = 1_000_000  # bytes; what is larger was not written by hand
_MISSING: Final = "jinja2 is not installed; install nplus1-lint[templates] to have templates read"
_CONTINUES: Final = frozenset({"elif", "else", "pluralize"})


class TemplateFile(Protocol):
    """What is known of a template before it is read."""

    @property
    def path(self) -> str:
        """Project path, forward slashes."""

    @property
    def absolute(self) -> str:
        """Where to read it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its paths below the template folders around it."""


def renders(modules: Iterable[f.ModuleFacts]) -> bool:
    """True if any module names what renders templates."""
    return any(not module.body.mentions.isdisjoint(RENDERING_NAMES) for module in modules)


def named_folders(modules: Iterable[f.ModuleFacts]) -> tuple[tuple[str, str], ...]:
    """Return the template folders that modules name literally: (the module's path, the folder as written)."""
    found: dict[tuple[str, str], None] = {}
    for module in modules:
        if module.body.mentions.isdisjoint(LOADING_NAMES):
            continue
        for call in calls(module.body.body):
            for folder in _folders(call):
                found[module.path, folder] = None
    return tuple(sorted(found))


def _folders(call: f.Call) -> Iterator[str]:
    name = call_name(call)
    written = [value for key, value in call.keywords if key == "template_folder"]
    if name in ("Jinja2Templates", "FileSystemLoader"):
        written += [*call.args[:1], *(value for key, value in call.keywords if key in ("directory", "searchpath"))]
    for value in written:
        for one in value.items if isinstance(value, f.Display) else (value,):
            folder = _tail(one).strip("/")
            if folder and ".." not in folder.split("/"):
                yield folder


def _tail(expr: f.Expr) -> str:
    """The literal end of a path: of ``"a/b"``, ``BASE / "a" / "b"``, ``os.path.join(here, "a", "b")``, ``str(…)``."""
    if isinstance(expr, f.Const):
        return expr.value if isinstance(expr.value, str) else ""
    if isinstance(expr, f.Binary) and expr.op == "Div":
        parts = (_tail(expr.left), _tail(expr.right))
        return "/".join(part for part in parts if part) if parts[1] else ""
    if isinstance(expr, f.Call) and expr.args:
        pieces = [_tail(argument) for argument in expr.args]
        return "/".join(piece for piece in pieces if piece) if pieces[-1] else ""
    return ""


_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")


class TemplateReader:
    """Facts of templates on demand: only those are parsed that are rendered with rows.

    Args:
        files: every file that may be a template.
    """

    def __init__(self, files: Iterable[TemplateFile]) -> None:
        self._locations = {file.path: file.absolute for file in files}
        self._facts: dict[str, TemplateFacts] = {}
        self._parse: Callable[[str, str], TemplateFacts] | None = None

    @property
    def paths(self) -> Iterable[str]:
        """The project paths of all files."""
        return self._locations.keys()

    def facts(self, path: str) -> TemplateFacts:
        """Return what a template says; one that cannot be read or parsed has no parts but an error."""
        if path not in self._facts:
            self._facts[path] = self._read(path)
        return self._facts[path]

    def notes(self) -> tuple[str, ...]:
        """Return a sentence on what has been read, and one per template that could not be."""
        if not self._facts:
            return ()
        failed = sorted((facts.path, facts.error) for facts in self._facts.values() if facts.error)
        if any(error == _MISSING for _, error in failed):
            return (_MISSING,)
        total = f"{len(self._facts) - len(failed)} of {len(self._locations)} files in template folders read"
        return (total, *(f"{path} is left out: {error}" for path, error in failed))

    def words(self) -> frozenset[str]:
        """Return every name that stands in any of the files, markup included; files that cannot be read have none."""
        found: set[str] = set()
        for location in self._locations.values():
            try:
                with open(location, "rb") as handle:
                    found.update(word.decode() for word in _WORD.findall(handle.read(_LIMIT)))
            except OSError:
                continue  # `notes` says so when it is rendered
        return frozenset(found)

    def _read(self, path: str) -> TemplateFacts:
        if self._parse is None:
            self._parse = _parser()
        try:
            with open(self._locations[path], "rb") as handle:
                data = handle.read(_LIMIT + 1)
            source = data.decode("utf-8")
        except OSError as error:
            return _without(path, f"it cannot be read: {error.strerror or error}")
        except UnicodeDecodeError:
            return _without(path, "it is not UTF-8")
        if len(data) > _LIMIT:
            return _without(path, f"it has more than {_LIMIT} bytes")
        return self._parse(path, source)


def _without(path: str, error: str) -> TemplateFacts:
    return TemplateFacts(path, (), (), False, error)


def _parser() -> Callable[[str, str], TemplateFacts]:
    """Return a function from a template's path and source to its facts."""
    try:
        from jinja2 import Environment, TemplateSyntaxError
        from jinja2.parser import Parser
    except ImportError:
        return lambda path, _: _without(path, _MISSING)
    from nplus1_lint.index.template_statements import lower_template

    environment = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"])

    def parse(path: str, source: str) -> TemplateFacts:
        try:
            parser = Parser(environment, source)
            tags = _Tags(parser.extensions, source)
            parser.extensions = tags
            tree = parser.parse()
            plain = "{{" not in source and "{%" not in source  # perhaps written with other delimiters
            return lower_template(path, tree, complete=not (tags.skipped or plain))
        except TemplateSyntaxError as error:
            return _without(path, f"it cannot be parsed: {error.message} (line {error.lineno})")
        except RecursionError:
            return _without(path, "it is nested too deeply to parse")

    return parse


class _Tags(dict[str, Any]):
    """The tags of Jinja's extensions; every other tag is skipped, with what stands between it and its end tag.

    Attributes:
        skipped: a tag has been skipped.
    """

    def __init__(self, known: dict[str, Any], source: str) -> None:
        super().__init__(known)
        self.skipped = False
        self._ends = set(re.findall(r"\{%[-+]?\s*(end\w+)", source))

    def get(self, tag: str, default: Any = None) -> Any:
        """Return the parser of a tag."""
        if tag in self:
            return self[tag]
        return default if tag.startswith("end") or tag in _CONTINUES else self._skip

    def _skip(self, parser: Any) -> list[Any]:
        tag = next(parser.stream).value
        self.skipped = True
        while parser.stream.current.type != "block_end":
            next(parser.stream)
        if f"end{tag}" in self._ends:
            parser.parse_statements((f"name:end{tag}",), drop_needle=True)
        return []
