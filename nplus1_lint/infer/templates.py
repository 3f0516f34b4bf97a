"""Templates as functions: what their parts refer to, which names they take from their context, and running them.

A rendering runs the template's text as a function whose arguments are the context. Its includes, blocks and macros are
functions that it calls; they take what they need from the running part, as Jinja's context does. Each rendering has
functions of its own: what a base template does depends on the blocks of the child that is rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from nplus1_lint.index import facts as f
from nplus1_lint.index.template_facts import BLOCKS, TEMPLATE, Link, link_name, linked
from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
from nplus1_lint.infer.rendering import gives_rows
from nplus1_lint.infer.values import Function, Mapping, Site, Tuple, Value, of, unknown
from nplus1_lint.infer.wrappers import find_makers, find_wrappers, wrapped
from nplus1_lint.link.hierarchy import Function as Definition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.solve import Engine

TEMPLATES = "<templates>"
"""Stands, among the files whose top levels were read, for all templates."""

_METHODS = frozenset({"items", "keys", "values", "get", "pop", "popitem", "copy", "setdefault", "update"})
_CALLER = ".caller "  # begins what a function's id adds to that of its part: the body of ``{% call %}``
_PLAIN = frozenset({"Scalar", "ScalarOf", "Const"})


class Part(NamedTuple):
    """A part of a template in one rendering.

    Attributes:
        template: project path of the template whose text it is.
        name: as in `TemplateFacts.parts`, or `BLOCKS`.
        head: the template whose blocks count: the one rendered or included, which may extend *template*.
        call: the call in Python that renders.
        alone: it takes nothing from the part that runs it (an imported macro, an include without context).
    """

    template: str
    name: str
    head: str
    call: Site
    alone: bool

    @property
    def id(self) -> str:
        """The id of its function; the name in it is that of the template for its text."""
        line, column, *_ = self.call.place
        name = self.template if self.name == TEMPLATE else self.name
        alone = "!" if self.alone else ""
        return f"{self.template}:{name}@{self.head}{alone}@{self.call.function}:{line}:{column}"


class Templates:
    """The templates of an engine's project, as functions.

    Attributes:
        active: the project has any templates.
        wrappers: functions of the project that render, by id.
        makers: those that return a template or its macros.
        rendered: the templates that each rendering call names.
        views: templates of Pyramid's views, each with the place of the decorator that names it, by function id.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._files = engine.project.templates
        self.active = bool(self._files)
        self._parts: dict[str, Part] = {}
        self._needs: dict[tuple[str, str, str], tuple[str, ...]] = {}
        self._complete: dict[str, bool] = {}
        self._asking: dict[tuple[str, str, str], bool] = {}
        self._chains: dict[str, tuple[str, ...]] = {}
        self._named: dict[str, dict[str, f.FunctionFacts]] = {}
        self.rendered: dict[Site, dict[str, None]] = {}
        self.wrappers = find_wrappers(engine.project.hierarchy) if self._files else {}
        self.makers = find_makers(engine.project.hierarchy) if self._files else {}
        self.views: dict[str, tuple[tuple[str, Place], ...]] = {}

    def consult(self) -> None:
        """Remember that what is computed now depends on templates: it holds for no other run."""
        self._engine.cells.stack[-1].sources[TEMPLATES] = None

    def find(self, name: str, near: str) -> str | None:
        """Return the project path of a template by the name that the module *near* gives it."""
        self.consult()
        return self._files.find(name, near)

    def part(self, function_id: str) -> Part | None:
        """Return the part that a function is or stands in, or None for a function of Python."""
        found = self._parts.get(function_id)
        if found is None and _CALLER in function_id:
            return self.part(function_id.rpartition(_CALLER)[0])
        return found

    def call(self, function_id: str) -> Site | None:
        """Return the rendering call in whose course a function runs that is or stands in a part; None for Python's."""
        part = self.part(function_id)
        return part.call if part is not None else None

    def holds(self, path: str) -> bool:
        """True if a project path is that of a template."""
        return path in self._files

    # -- running --------------------------------------------------------------------------------------------------

    def run(self, frame: Frame, path: str, context: dict[str, Val], place: Place) -> None:
        """Run a template on a context.

        Args:
            frame: the function that renders it.
            path: project path of the template.
            context: the names that it is given.
            place: the rendering call.
        """
        self.consult()
        part = Part(path, TEMPLATE, path, frame.site(place), True)
        function = self._function(part)
        if function is not None:
            self.rendered.setdefault(part.call, {})[path] = None
            self._engine.invoke(frame, function, 0, Arguments((), context), place)

    def run_macro(self, frame: Frame, path: str, macro: str, arguments: Arguments, place: Place) -> bool:
        """Run a macro that Python calls; True if it is there and understood as a whole."""
        self.consult()
        part = Part(path, f"macro {macro}", path, frame.site(place), True)
        function = self._function(part)
        if function is None:
            return False
        self.rendered.setdefault(part.call, {})[path] = None
        self._engine.invoke(frame, function, 0, arguments, place)
        return all(self._is_complete(one) for one in self._reached(part, alone=True))

    def enter(
        self, frame: Frame, definition: Definition, function: Function, arguments: Arguments, place: Place
    ) -> Arguments | None:
        """Prepare the call of any function: of a part of a template, or of one that renders a template.

        Returns:
            The arguments with which it runs; None for a part that is given no rows, whose run is of no interest.
        """
        if not self.active:
            return arguments
        if definition.id in self._parts or definition.id in self.wrappers:
            self.consult()
        if definition.id not in self._parts:
            return wrapped(frame, definition, function, arguments, place)
        arguments = self._in_context(frame, definition, arguments)
        given = (*arguments.positional, *arguments.keywords.values())
        reads = any(self.gives_rows(value) for value, _ in given) or self._asks(self._parts[definition.id])
        return arguments if reads else None

    def gives_rows(self, value: Value) -> bool:
        """True if a template can read rows through a value."""
        engine = self._engine
        return gives_rows(value) or engine.request.gives_rows(value) or engine.names.gives_rows(value)

    def is_given_rows(self, path: str, context: Iterable[Val]) -> bool:
        """True if a template can read rows: of its context, or of what the application gives to all templates."""
        if any(self.gives_rows(value) for value, _ in context):
            return True
        self.consult()
        whole = Part(path, TEMPLATE, path, _NOWHERE, True)
        given = (self._ambient(name, imported=False) for name in self._needed(path, TEMPLATE, path))
        return any(value is not None and self.gives_rows(value) for value in given) or self._asks(whole)

    def _asks(self, part: Part) -> bool:
        """True if a part, or another that it runs, calls a filter or a test of the application that may query."""
        key = (part.template, part.name, part.head)
        if key not in self._asking:
            reached = (self._facts(one.template, one.name) for one in self._reached(part, alone=True))
            called = sorted(
                {
                    name
                    for facts in reached
                    if facts is not None
                    for name in facts.mentions
                    if " " in name or "|" in name
                }
            )
            self._asking[key] = any(self._engine.names.asks(name) for name in called)
        return self._asking[key]

    def _ambient(self, name: str, *, imported: bool) -> Value | None:
        """Return what a name stands for in every template, or None.

        Args:
            name: the name.
            imported: it stands in a macro that is imported without context: the globals alone are seen there.
        """
        names, request = self._engine.names, self._engine.request
        found = names.in_context(name) or request.ambient(name) if not imported else None
        return found or names.value(name)

    def _in_context(self, frame: Frame, definition: Definition, arguments: Arguments) -> Arguments:
        """Add to the arguments of a part the other parts that it refers to and what it takes from its context."""
        part = self._parts[definition.id]
        keywords = dict(arguments.keywords)
        inside = not part.alone and self.holds(frame.path)
        imported = part.alone and self.holds(frame.path)
        for position, param in enumerate(definition.facts.params):
            if param.name in keywords or (param.kind == "positional" and position < len(arguments.positional)):
                continue
            own = param.kind == "keyword" and linked(param.name) is None
            known = frame.lookup(param.name) if inside and own else None
            target = self._meant(part, param) if known is None else None
            function = self._function(target) if target is not None else None
            if known is not None:
                keywords[param.name] = known
            elif function is not None:
                keywords[param.name] = (of(function), 0)
            elif own and (ambient := self._ambient(param.name, imported=imported)) is not None:
                keywords[param.name] = ambient, 0
        return arguments._replace(keywords=keywords)

    def _function(self, part: Part) -> Function | None:
        if part.id not in self._parts:
            facts = self._facts(part.template, part.name)
            if facts is None:
                return None
            known = {param.name for param in facts.params}
            needed = [n for n in self._needed(part.template, part.name, part.head) if n not in known]
            params = (*facts.params, *(f.Param(name, "keyword", None, None) for name in needed))
            self._parts[part.id] = part
            self._engine.adopt(Definition(part.id, part.template, msgspec.structs.replace(facts, params=params), None))
        return Function("function", part.id, None, (), ())

    def _facts(self, template: str, name: str) -> f.FunctionFacts | None:
        if template not in self._named:
            self._named[template] = {part.name: part for part in self._files.facts(template).parts}
        named = self._named[template]
        if name == BLOCKS and name not in named:
            named[name] = self._blocks_of(template)
        return named.get(name)

    def _blocks_of(self, head: str) -> f.FunctionFacts:
        """What a base that is not in the project does with a child: it runs the child's blocks, one after the other."""
        named = [(path, part) for path in self._chain(head) for part in self._files.facts(path).parts]
        blocks = [(path, part) for path, part in named if part.name.startswith("block ")]
        links = [link for _, part in blocks for param in part.params if (link := linked(param.name)) is not None]
        inside = {link.member for link in links if link.verb == "block"}  # run by the block around them
        places: dict[str, f.Place] = {}
        for path, part in blocks:
            name = part.name.removeprefix("block ")
            if name not in inside:
                place = part.pos if path == head else (1, 0, 1, len(places))
                places.setdefault(link_name("block", name), place)
        calls = [f.Call(f.Name(link, place), (), (), place) for link, place in places.items()]
        body = tuple(f.ExprStmt(call, call.pos) for call in calls)
        params = tuple(f.Param(link, "keyword", None, None) for link in places)
        suite = f.Suite(body, (1, 0, 1, 0), frozenset(places), frozenset())
        return f.FunctionFacts(suite, BLOCKS, "", params, None, (), False, False, True)

    # -- what parts refer to --------------------------------------------------------------------------------------

    def _meant(self, part: Part, param: f.Param) -> Part | None:
        """Return the part that a parameter stands for: what it links to, or a macro of the same template."""
        link = linked(param.name)
        if link is not None:
            return self._target(part, link)
        own = param.kind == "keyword" and self._facts(part.template, f"macro {param.name}") is not None
        return part._replace(name=f"macro {param.name}", alone=False) if own else None

    def _target(self, part: Part, link: Link) -> Part | None:
        """Return the part that a link stands for, or None where there is none."""
        if link.verb == "macro":
            return part._replace(name=f"macro {link.member}", alone=False)
        if link.verb in ("block", "super"):
            chain = self._chain(part.head)
            if link.verb == "super":
                chain = chain[chain.index(part.template) + 1 :] if part.template in chain else ()
            name = f"block {link.member}"
            owner = next((path for path in chain if self._facts(path, name) is not None), None)
            return part._replace(template=owner, name=name, alone=False) if owner is not None else None
        path = self._files.first(link.targets, part.template)
        if path is None:
            return part._replace(template=part.head, name=BLOCKS, alone=False) if link.verb == "extends" else None
        if link.verb == "extends":
            return part._replace(template=path, name=TEMPLATE, alone=False)
        name = f"macro {link.member}" if link.member else TEMPLATE
        return Part(path, name, path, part.call, link.verb in ("import", "include-alone"))

    def _chain(self, head: str) -> tuple[str, ...]:
        """A template, the one that it extends, the one that this extends, and so on."""
        if head not in self._chains:
            chain = [head]
            for path in chain:
                extends = self._files.facts(path).extends
                base = self._files.first(extends, path) if extends else None
                if base is not None and base not in chain:
                    chain.append(base)
            self._chains[head] = tuple(chain)
        return self._chains[head]

    def _needed(self, template: str, name: str, head: str) -> tuple[str, ...]:
        """The names that a part, or any part that runs in its context, takes from the context, sorted."""
        key = (template, name, head)
        if key not in self._needs:
            names: set[str] = set()
            for part in self._reached(Part(template, name, head, _NOWHERE, False)):
                facts = self._facts(part.template, part.name)
                for param in facts.params if facts is not None else ():
                    if param.kind == "keyword" and linked(param.name) is None:
                        names.add(param.name)
            self._needs[key] = tuple(sorted(names))
        return self._needs[key]

    def _reached(self, start: Part, *, alone: bool = False) -> list[Part]:
        """The parts that run in the context of a part, itself first; with *alone*, those without context too."""
        reached = [start]
        for part in reached:
            facts = self._facts(part.template, part.name)
            for param in facts.params if facts is not None else ():
                target = self._meant(part, param)
                if target is not None and target not in reached and (alone or not target.alone):
                    reached.append(target)
        return reached

    def is_complete(self, path: str) -> bool:
        """True if a rendering of a template is understood as a whole: rows that it does not read are not read."""
        self.consult()
        if path not in self._complete:
            reached = self._reached(Part(path, TEMPLATE, path, _NOWHERE, True), alone=True)
            self._complete[path] = all(self._is_complete(part) for part in reached)
        return self._complete[path]

    def _is_complete(self, part: Part) -> bool:
        facts = self._facts(part.template, part.name)
        if facts is None or part.name == BLOCKS or not self._files.facts(part.template).complete:
            return False
        links = [link for param in facts.params if (link := linked(param.name)) is not None]
        return all(self._target(part, link) is not None for link in links if link.targets)

    # -- Jinja's own attributes -----------------------------------------------------------------------------------

    def item(self, frame: Frame, atom: object, name: str) -> Value | None:
        """Return what ``x.name`` gives in a template where an attribute does not: an item of *x*.

        A dictionary is known by what all its values may be. Where several of them could hold rows, which of them
        `name` is cannot be told.
        """
        if frame.path not in self._files:
            return None
        if type(atom) is Mapping and name not in _METHODS:
            kinds = [one for one in atom.value.atoms if type(one).__name__ not in _PLAIN]
            return atom.value if len(kinds) < 2 else unknown(f"one of several values of a dictionary: {name}")
        if type(atom) is Tuple and len(atom.items) == 2 and name in ("grouper", "list"):
            found: Value = atom.items[name == "list"]
            return found
        return None


_NOWHERE = Site("", (0, 0, 0, 0))
