"""A mapping-level loader strategy that a router never reads: make it lazy and let the readers ask for it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from nplus1_lint.findings import (
    Applicability,
    Edit,
    FileChange,
    InternalError,
    LoaderPlan,
    LoadingQuery,
    OptionPlace,
    Suggestion,
)
from nplus1_lint.flag.options import Added, added_at
from nplus1_lint.flag.pattern import lazy_value
from nplus1_lint.flag.rewrite import Context, Rewrite

_UNSEEN: Final = "a read that the analysis does not see loads it then, with one statement per row"
_UNSEEN_ASYNC: Final = "a read that the analysis does not see raises MissingGreenlet then"
_RELOADING: Final = re.compile(r"\.(?:refresh|merge)\s*\(")
_OPTIONS: Final = {"joined": "joinedload", "False": "joinedload", "subquery": "subqueryload"}


def rewrite(context: Context, plan: LoaderPlan) -> Suggestion | None:
    """Suggest the relationship's new line, and the option for each query that needs the rows.

    Args:
        context: the flagged relationship.
        plan: the readers and the queries that load for nothing.

    Returns:
        The code; queries are named by file and line in comments. Those whose rows may be read unseen ask for them, too.

    Raises:
        InternalError: the relationship sets no ``lazy=``.
    """
    made = plan_rewrite(context, plan)
    with_readers = _with_readers(context, plan, made) if plan.readers or plan.unsure else None
    shown = (with_readers or made).suggestion(context)
    relationship = f"{plan.model}.{plan.relationship}"
    option = _OPTIONS.get(plan.lazy, "selectinload")
    code = [shown.code]
    lazily = f"takes no option: {relationship} is loaded when read"
    code += [_comment(query, option, lazily) for query in plan.readers]
    code += [_comment(query, option, lazily) + ", if its rows are read where they go" for query in plan.unsure]
    wasters = [query for query in plan.wasters if query.takes_options]
    if (plan.readers or plan.unsure) and wasters:
        code.append("# or keep the mapping and override it where the rows are not read:")
        code += [_comment(query, "lazyload", "") for query in wasters]
    # The line of the mapping alone would leave its readers without their rows.
    whole = not (plan.readers or plan.unsure) or with_readers is not None
    return replace(
        shown, code="\n".join(code), diff=shown.diff if whole else "", changes=shown.changes if whole else ()
    )


def _with_readers(context: Context, plan: LoaderPlan, made: Rewrite) -> Rewrite | None:
    """The change together with the option for each query that needs it or may; None when one does not get it.

    One row that is loaded anew, where its relationship may be read, needs no option but in asynchronous code.
    """
    option = _OPTIONS.get(plan.lazy, "selectinload")
    found: dict[str, Added] = {}
    for query in (*plan.readers, *plan.unsure):
        added = _with_option(context, query, option)
        if added is None:
            if query in plan.readers or not _reloads(context, query):
                return None
            continue  # one row, and what is read of it is loaded lazily
        before = found.get(query.path, Added((), ()))
        edits = dict.fromkeys((*before.edits, *added.edits))
        found[query.path] = Added(tuple(edits), (*before.imports, *added.imports))
    own = found.pop(context.region.source.path, Added((), ()))
    return replace(
        made,
        edits=(*made.edits, *own.edits),
        imports=own.imports,
        applicability=Applicability.UNSAFE,
        behaviour=_unseen(context, plan),
        elsewhere=tuple(FileChange(path, *added) for path, added in sorted(found.items())),
    )


def _with_option(context: Context, query: LoadingQuery, option: str) -> Added | None:
    """The option added to one query; None where that cannot write it, or asks for other classes at times."""
    chains = [(*way[:-1], replace(way[-1], strategy=option)) for way in query.hops if way]
    if not query.takes_options or query.asking_for or len(chains) < len(query.hops):
        return None
    return added_at(context.files[query.path], OptionPlace(query.path, query.place, tuple(chains)))


def _comment(query: LoadingQuery, loader: str, otherwise: str) -> str:
    """Name a query by file and line, with its option, or with what is to be said where it takes none."""
    said = f".options({query.options(loader)})" if query.takes_options else otherwise
    if query.takes_options and query.asking_for:
        said += f" where it asks for {', '.join(query.asking_for)}"
    return f"# {query.path}:{query.place.line}: {said}"


def plan_rewrite(context: Context, plan: LoaderPlan) -> Rewrite:
    """Work out the change of the declaration.

    Args:
        context: the flagged relationship.
        plan: the analysis' conclusion.

    Returns:
        The edit of the ``lazy=`` value.

    Raises:
        InternalError: the relationship sets no ``lazy=``.
    """
    value = lazy_value(context.found.node, plan)
    if value is None:
        raise InternalError(
            f"{context.suspect.path}:{context.suspect.pos.line}: no lazy= stands there to change; "
            "please report this as a bug of nplus1-lint"
        )
    quote = "'" if context.region.code(value).startswith("'") else '"'
    line = context.region.source.index(context.region.place(value)[0])
    title = f'{plan.model}.{plan.relationship}: lazy="select"{_where_needed(plan)}'
    needed = bool(plan.readers or plan.unsure)
    edit = Edit(*context.region.offsets(value), f"{quote}select{quote}")
    return Rewrite(
        title,
        context.region.first if line is None else line,
        (),
        (edit,),
        applicability=Applicability.DISPLAY if needed else Applicability.UNSAFE,
        behaviour="" if needed else _unseen(context, plan),
    )


def _unseen(context: Context, plan: LoaderPlan) -> str:
    """What a read that was overlooked does afterwards: nothing can be loaded then where all queries are awaited."""
    queries = [query for query in (*plan.readers, *plan.wasters, *plan.unsure) if query.takes_options]
    return _UNSEEN_ASYNC if queries and all(_awaited(context, query) for query in queries) else _UNSEEN


def _reloads(context: Context, query: LoadingQuery) -> bool:
    """True for ``refresh()`` and ``merge()`` of a session that does not wait, which take no option."""
    source = context.files[query.path]
    end = source.column(query.place.end_line, query.place.end_column)
    start = source.column(query.place.line, query.place.column)
    if query.takes_options or start is None or end is None or not query.path.endswith(".py"):
        return False
    first, last = source.starts[query.place.line - 1] + start, source.starts[query.place.end_line - 1] + end
    called = _RELOADING.search(source.code[first:last]) is not None
    return called and not _awaited(context, query)


def _awaited(context: Context, query: LoadingQuery) -> bool:
    source = context.files[query.path]
    column = source.column(query.place.line, query.place.column)
    if column is None:
        return False
    start = source.starts[query.place.line - 1] + column
    return source.code[max(start - 200, 0) : start].rstrip().endswith("await")


def _where_needed(plan: LoaderPlan) -> str:
    """Say which queries ask for the rows themselves."""
    certain, unsure = len(plan.readers), len(plan.unsure)
    if not certain and not unsure:
        return "; no query needs its rows"
    where = [f"its {certain} reader{'s' if certain > 1 else ''}"] if certain else []
    where += [f"{unsure} quer{'ies' if unsure > 1 else 'y'} whose rows may be read"] if unsure else []
    return f" and {_OPTIONS.get(plan.lazy, 'selectinload')} at {' and at '.join(where)}"
