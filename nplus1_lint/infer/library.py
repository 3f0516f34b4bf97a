"""SQLAlchemy's API, and what else the engine must know of libraries, as data.

Sources: SQLAlchemy 2.0/2.1 documentation, "ORM Querying Guide", "Relationship Loading Techniques", "Session API",
"Engine and Connection Use"; Flask-SQLAlchemy 3 API; SQLModel tutorial; FastAPI "Dependencies" and "Response Model".
"""

from __future__ import annotations

import functools
from typing import Final

SQL_ROOTS: Final = frozenset(
    {"sqlalchemy", "sqlmodel", "flask_sqlalchemy", "flask_sqlalchemy_lite", "quart_sqlalchemy", "advanced_alchemy"}
)

REFLECTING: Final = frozenset(
    {
        "__mapper__",
        "all_orm_descriptors",
        "iterate_properties",
        "column_attrs",
        "class_mapper",
        "object_mapper",
        "inspect",
    }
)
"""Names by which a function may read attributes that it does not name."""

REQUEST_HOLDERS: Final = frozenset({"flask.g", "flask.globals.g", "quart.g", "quart.globals.g"})
"""What Flask keeps for the time of a request."""

SESSION_TYPES: Final = frozenset({"Session", "scoped_session", "SignallingSession", "Connection"})
ASYNC_SESSION_TYPES: Final = frozenset({"AsyncSession", "async_scoped_session", "AsyncConnection"})
SESSION_FACTORIES: Final = frozenset({"sessionmaker", "scoped_session", "create_session"})
ASYNC_SESSION_FACTORIES: Final = frozenset({"async_sessionmaker", "async_scoped_session"})

# -- building statements ---------------------------------------------------------------------------------------------

STATEMENT_CALLS: Final = {
    "select": "select", "insert": "insert", "update": "update", "delete": "delete", "text": "text",
    "exists": "exists", "lambda_stmt": "select", "union": "select", "union_all": "select",
}  # fmt: skip
COLUMN_OPERATORS: Final = {
    "in_": "In", "any_": "In", "overlap": "In", "not_in": "NotIn", "notin_": "NotIn", "is_": "Is", "is_not": "IsNot",
    "isnot": "IsNot", "like": "Like", "ilike": "Like", "contains": "Like", "icontains": "Like", "match": "Like",
    "endswith": "Like", "startswith": "Prefix", "between": "Between", "op": "Op",
}  # fmt: skip
COLUMN_FUNCTIONS: Final = frozenset(
    {"desc", "asc", "nullslast", "nullsfirst", "nulls_last", "nulls_first", "label", "cast", "case", "literal",
     "literal_column", "null", "true", "false", "extract", "type_coerce", "tuple_", "bindparam", "column"}
)  # fmt: skip
CRITERIA_METHODS: Final = frozenset({"filter", "where"})
CRITERIA_CALLS: Final = frozenset({"and_", "or_", "not_"})
CHAIN_FLAGS: Final = {
    "limit": "limit",
    "fetch": "limit",
    "slice": "limit",
    "offset": "paged",
    "group_by": "group_by",
    "distinct": "distinct",
    "with_for_update": "for_update",
    "order_by": "ordered",
    "join": "joined",
    "outerjoin": "joined",
    "unique": "unique",
    "from_statement": "from_statement",
    "yield_per": "yield_per",
    "populate_existing": "populate_existing",
}
SUBQUERIES: Final = frozenset(
    {"subquery", "scalar_subquery", "as_scalar", "cte", "label", "alias", "lateral", "exists", "statement"}
)

# -- executing them --------------------------------------------------------------------------------------------------

# method of a Query -> what the result is: rows, one row, a plain value
QUERY_EXECUTES: Final = {
    "all": "list",
    "first": "one",
    "one": "one",
    "one_or_none": "one",
    "get": "one",
    "first_or_404": "one",
    "get_or_404": "one",
    "one_or_404": "one",
    "scalar": "scalar",
    "scalar_one": "scalar",
    "scalar_one_or_none": "scalar",
    "count": "count",
    "delete": "write",
    "update": "write",
    "paginate": "page",
    "yield_rows": "list",
}
RAISES_WHEN_MISSING: Final = frozenset({"one", "scalar_one", "first_or_404", "get_or_404", "one_or_404", "get_one"})
SESSION_EXECUTES: Final = {
    "execute": "result", "scalars": "scalars", "scalar": "scalar", "exec": "exec", "stream": "result",
    "stream_scalars": "scalars", "scalar_one": "scalar", "scalar_one_or_none": "scalar", "paginate": "page",
    "first_or_404": "scalar", "one_or_404": "scalar",
}  # fmt: skip
MADE_PAGE: Final = "made page"
"""The kind of a page that fastapi-pagination's functions give: its schema reads the rows in the session's greenlet."""
PAGES: Final = frozenset({"page", MADE_PAGE})
SESSION_GETS: Final = frozenset({"get", "get_one", "get_or_404"})
RESULT_ONES: Final = frozenset(
    {"one", "one_or_none", "first", "fetchone", "scalar", "scalar_one", "scalar_one_or_none"}
)
RESULT_SCALARS: Final = frozenset({"scalar", "scalar_one", "scalar_one_or_none"})
SESSION_ONLY: Final = frozenset(
    {"query", "execute", "scalars", "scalar", "add", "add_all", "commit", "flush", "refresh", "merge", "get", "delete"}
)
BULK_WRITES: Final = frozenset({"bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"})


AGGREGATES: Final = frozenset({"count", "sum", "min", "max", "avg"})

# -- loader options --------------------------------------------------------------------------------------------------

EAGER_OPTIONS: Final = frozenset({
    "selectinload", "joinedload", "subqueryload", "immediateload", "contains_eager", "eagerload", "joinedload_all",
    "subqueryload_all",
})  # fmt: skip
LOADING_OPTIONS: Final = EAGER_OPTIONS - {"contains_eager"}
"""Options that load more than the statement's own columns and joins give."""
OFF_OPTIONS: Final = {"lazyload": "!", "raiseload": "%", "noload": "%"}  # their marks: see `infer.loading`
NEUTRAL_OPTIONS: Final = frozenset(
    {"defaultload", "Load", "selectin_polymorphic", "with_loader_criteria", "with_expression"}
)
COLUMN_OPTIONS: Final = frozenset({"load_only", "defer", "undefer", "undefer_group"})
OPTIONS: Final = EAGER_OPTIONS | frozenset(OFF_OPTIONS) | NEUTRAL_OPTIONS | COLUMN_OPTIONS

# -- other libraries -------------------------------------------------------------------------------------------------

MATERIALISE: Final = {
    "list": "list", "tuple": "list", "set": "set", "frozenset": "set", "sorted": "list", "reversed": "iterator",
    "iter": "iterator", "deque": "list", "aiter": "iterator", "chain": "list", "islice": "list", "OrderedSet": "set",
}  # fmt: skip
LOOPING_HELPERS: Final = frozenset({"map", "filter", "starmap", "takewhile", "dropwhile", "filterfalse"})
POOLS: Final = frozenset({"concurrent", "multiprocessing", "billiard", "gevent"})
POOL_MAPS: Final = frozenset({"map", "imap", "imap_unordered", "map_async", "starmap", "starmap_async"})
KEYED_HELPERS: Final = frozenset({"sorted", "min", "max", "sort", "groupby"})
SEARCHES: Final = frozenset({"any", "next"})  # they stop at the first hit
DEFERS: Final = frozenset({
    "enqueue", "enqueue_call", "enqueue_in", "enqueue_at", "enqueue_many", "delay", "apply_async", "send_task",
    "add_task", "add_job", "schedule", "scheduled_job", "signature", "connect", "subscribe", "register",
    "execute_activity", "execute_local_activity", "start_activity", "execute_child_workflow", "start_child_workflow",
    "execute_workflow", "start_workflow",
    "add_listener", "listen", "listens_for", "add_event_handler", "add_url_rule", "add_route", "add_api_route",
    "include_router", "add_command", "register_blueprint", "add_middleware", "add_periodic_task", "task", "on",
    "call_later", "call_soon", "atexit", "append", "appendleft", "add", "insert", "put", "put_nowait",
    "delete_memoized", "delete_memoized_verhash", "invalidate", "remove", "remove_listener", "disconnect",
    "unsubscribe", "unregister", "iscoroutinefunction", "isgeneratorfunction", "isasyncgenfunction", "getsource",
})  # fmt: skip
"""Methods that keep a function for later, for another process, or for ever, that forget it, or that only look at it:
what it costs is not the caller's."""
SLEEPS: Final = frozenset({"sleep"})
QUEUE_TAKES: Final = frozenset({"get", "receive", "recv"})
CACHES: Final = frozenset(
    {
        "lru_cache",
        "cache",
        "cached",
        "cachedmethod",
        "memoize",
        "memoized",
        "alru_cache",
        "ttl_cache",
        "cache_on_arguments",
    }
)
TRANSPARENT_WRAPPERS: Final = frozenset(
    {"cast", "deepcopy", "copy", "tqdm", "track", "run_sync", "shield", "wait_for", "ensure_future", "create_task",
     "run_coroutine_threadsafe", "sync_to_async", "asyncify", "syncify"}
)  # fmt: skip
CHUNKERS: Final = frozenset({"batched", "chunked", "ichunked", "sliced"})
ADAPTER_READS: Final = frozenset({"validate_python", "dump_python", "dump_json"})
SCHEMA_BASES: Final = frozenset({"BaseModel", "RootModel", "SQLModel", "GenericModel", "BaseSettings"})
VALIDATORS: Final = frozenset({"model_validate", "from_orm", "parse_obj", "validate", "from_attributes"})
ROUTE_DECORATORS: Final = frozenset(
    {"get", "post", "put", "patch", "delete", "route", "api_route", "websocket", "head", "options", "websocket_route"}
)
ROUTER_TYPES: Final = frozenset(
    {
        "APIRouter",
        "FastAPI",
        "Flask",
        "Blueprint",
        "Starlette",
        "Router",
        "Litestar",
        "Quart",
        "APIBlueprint",
        "ApiRouter",
        "APIFlask",
    }
)
ROUTE_FUNCTIONS: Final = frozenset({"view_config", "view_defaults"})
HANDLER_BASES: Final = (
    "flask_restful.Resource",
    "flask.views.MethodView",
    "flask_restx.Resource",
    "litestar.Controller",
    "starlette.endpoints.HTTPEndpoint",
)

LONG_WORK: Final = frozenset({
    "requests", "httpx", "aiohttp", "urllib3", "urllib", "subprocess", "boto3", "botocore", "openai", "anthropic",
    "litellm", "smtplib", "paramiko", "grpc", "github", "git", "docker", "kubernetes", "playwright",
})  # fmt: skip

# `Page` is fastapi-pagination's, which iterates its items; a class of the project that goes by one of these names is
# that class.
COLLECTION_ANNOTATIONS: Final = {
    "list": "list", "List": "list", "Sequence": "list", "MutableSequence": "list", "Collection": "list", "Iterable":
    "list", "Set": "set", "set": "set", "frozenset": "set", "FrozenSet": "set", "AbstractSet": "set", "deque":
    "list", "Page": "page", "Iterator": "iterator", "Generator": "iterator", "AsyncIterator": "iterator",
    "AsyncGenerator": "iterator", "AsyncIterable": "iterator", "KeysView": "list", "ValuesView": "list",
    "ScalarResult": "result", "Query": "query",
}  # fmt: skip
MAPPING_ANNOTATIONS: Final = frozenset(
    {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "DefaultDict", "OrderedDict"}
)
WRAPPER_ANNOTATIONS: Final = frozenset({
    "Optional", "Union", "Awaitable", "Coroutine", "Final", "ClassVar", "Required", "NotRequired", "ContextManager",
    "AbstractContextManager", "AsyncContextManager", "AbstractAsyncContextManager", "Mapped", "Type",
})  # fmt: skip
PLAIN_TYPES: Final = frozenset(
    {
        "str",
        "int",
        "float",
        "bool",
        "bytes",
        "UUID",
        "datetime",
        "date",
        "timedelta",
        "Decimal",
        "Path",
        "None",
        "UUID4",
    }
)

ADDERS: Final = frozenset({"append", "add", "insert", "appendleft", "put", "put_nowait", "push"})
"""Methods that add one item to a collection of Python's."""
EXTENDERS: Final = frozenset({"extend", "update", "extendleft", "union_update"})
"""Methods that add the items of another one."""


READ_BY_BASES: Final = {
    "fastapi_users": frozenset({"oauth_accounts"}),
    "fastapi_users_db_sqlalchemy": frozenset({"oauth_accounts"}),
    "flask_security": frozenset({"roles", "webauthn"}),
    "flask_appbuilder": frozenset({"roles", "groups", "permissions"}),
}
"""Relationships that a library reads of the rows of classes that extend its own, by its package."""


@functools.lru_cache(maxsize=4096)
def root_and_last(name: str) -> tuple[str, str]:
    """Return the first and last part of a dotted external name, call marks dropped from the last."""
    root, _, rest = name.partition(".")
    return root, (rest.rpartition(".")[2] or root).removesuffix("()")


def is_sql(name: str) -> bool:
    """True if a dotted external name belongs to SQLAlchemy or a package that re-exports it."""
    return name.partition(".")[0] in SQL_ROOTS
