"""``[tool.nplus1-lint]`` of pyproject.toml to a frozen :class:`Config`, and the project it speaks for."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from nplus1_lint.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SECTION: Final = "nplus1-lint"
UNUSED: Final = "NP901"
CANNOT_PARSE: Final = "NP902"

# Alembic's default `file_template` begins with a revision id, others put a date before it; the folder has many names.
_REVISION_ID: Final = "[0-9a-f]" * 12
# Indexed, because other code may import it, but not reported: nobody mends an N+1 in a test or in generated code.
DEFAULT_EXCLUDE: Final = (
    "tests/",
    "test/",
    "test_*.py",
    "*_test.py",
    "*_tests.py",
    "*Test.py",
    "unit_tests/",
    "functional_tests/",
    "integration_tests/",
    "e2e_tests/",
    "e2e/",
    "*-tests/",
    "conftest.py",
    "migrations/",
    "**/*alembic*/versions/",
    "**/*migration*/versions/",
    f"**/versions/**/*{_REVISION_ID}*.py",
    "*_pb2.py",
    "*_pb2_grpc.py",
    "*_generated.py",
)


class ConfigError(Exception):
    """The configuration cannot be used; the message names the place, what is wrong and how to mend it."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the user asked for; the names are the keys of the configuration with underscores.

    Attributes:
        select: codes or prefixes of codes to report.
        ignore: codes or prefixes not to report; the longer of two matching selectors wins.
        exclude: gitignore-style patterns, relative to the project root, of files that are read but not reported.
        extend_exclude: further such patterns, so that the defaults need not be repeated.
        force_exclude: exclude even files that are named on the command line.
        show_low: show findings of low confidence.
        min_severity: the least severity to show.
        jobs: processes for reading files; 0 means one per available processor.
    """

    select: tuple[str, ...] = ("NP",)
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    show_low: bool = False
    min_severity: Severity = Severity.INFO
    jobs: int = 0


@dataclass(frozen=True, slots=True)
class Workspace:
    """The project that a run belongs to.

    Attributes:
        root: absolute folder that project paths are relative to.
        bases: absolute folders whose files may be read as context; the root itself when it is marked as a project by
            a configuration or a repository, else only the packages around the passed paths.
        pyproject: the file with the configuration, or None when there is none.
        marked: a configuration or a repository says where the project begins.
    """

    root: str
    bases: tuple[str, ...]
    pyproject: str | None
    marked: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration together with the project it was found for."""

    config: Config
    workspace: Workspace


def load(paths: Sequence[str], *, cwd: str, codes: Collection[str], config_file: str | None = None) -> Settings:
    """Find the project around *paths* and read its configuration.

    The search goes upward from the folder that all paths have in common, so that the order of the paths cannot matter,
    and stops at the top of a git repository.

    Args:
        paths: files and folders, absolute or relative to *cwd*; they need not exist.
        cwd: the absolute working directory.
        codes: the codes of all rules.
        config_file: read this file instead of searching.

    Returns:
        The configuration (the defaults when there is none) and the project.

    Raises:
        ConfigError: A file is unreadable or broken, or has an unknown key, a wrong type or an unknown code.
    """
    folders = [_folder(os.path.abspath(os.path.join(cwd, path))) for path in paths] or [cwd]
    start = _common(folders)
    workspace, table = _locate(start, folders)
    if config_file is not None:
        file = os.path.abspath(os.path.join(cwd, config_file))
        table = _table(file)
        if table is None:
            raise ConfigError(f"{file}: there is no [tool.{SECTION}] table; add one or leave out --config")
        workspace = replace(workspace, pyproject=file)
    if table is None or workspace.pyproject is None:
        return Settings(Config(), workspace)
    return Settings(_config(table, workspace.pyproject, codes), workspace)


def check_selectors(selectors: Iterable[str], codes: Collection[str], where: str) -> None:
    """Make sure that each selector names at least one rule.

    Args:
        selectors: codes, prefixes of codes, or ``ALL``.
        codes: the codes of all rules.
        where: the option or key they come from, for the message.

    Raises:
        ConfigError: A selector matches no rule.
    """
    for selector in selectors:
        if selector == "ALL" or (selector.startswith("NP") and any(code.startswith(selector) for code in codes)):
            continue
        hint = _hint(selector.upper(), sorted(codes), "the codes are")
        raise ConfigError(
            f"{where}: unknown rule code {selector!r}; {hint} (a prefix such as NP1 stands for all of its rules)"
        )


def check_ignorable(selectors: Iterable[str], where: str) -> None:
    """Refuse to ignore NP902: a file that was not read must never look clean.

    Args:
        selectors: codes or prefixes to be ignored.
        where: the option or key they come from, for the message.

    Raises:
        ConfigError: NP902 is among them.
    """
    if CANNOT_PARSE in selectors:
        raise ConfigError(
            f"{where}: {CANNOT_PARSE} cannot be ignored, because a file that was not read would look clean; "
            "remove it and keep the file from being read with .gitignore"
        )


def selected_codes(config: Config, codes: Iterable[str]) -> frozenset[str]:
    """Return the codes that *config* reports; NP902 is always one of them.

    Args:
        config: the configuration.
        codes: the codes of all rules.

    Returns:
        Those that a selector of ``select`` matches more closely than any of ``ignore``.
    """

    def closeness(code: str, selectors: tuple[str, ...]) -> int:
        return max((0 if s == "ALL" else len(s) for s in selectors if s == "ALL" or code.startswith(s)), default=-1)

    chosen = {code for code in codes if closeness(code, config.select) > closeness(code, config.ignore)}
    return frozenset(chosen | {CANNOT_PARSE})


def _hint(word: str, known: list[str], introduction: str) -> str:
    import difflib  # only a mistake needs it

    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"{introduction} {', '.join(known)}"


def _folder(path: str) -> str:
    return path if os.path.isdir(path) else os.path.dirname(path)


def _common(folders: Sequence[str]) -> str:
    try:
        return os.path.commonpath(folders)
    except ValueError:  # folders on different drives have nothing in common
        return min(folders)


def _upward(folder: str) -> Iterator[str]:
    while True:
        yield folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent


def _locate(start: str, folders: Iterable[str]) -> tuple[Workspace, dict[str, Any] | None]:
    """The nearest pyproject.toml with our table decides; then the repository, any pyproject.toml, and packages."""
    plain = None
    for folder in _upward(start):
        file = os.path.join(folder, "pyproject.toml")
        if os.path.isfile(file):
            table = _table(file)
            if table is not None:
                return Workspace(folder, (folder,), file), table
            plain = plain or folder
        if os.path.exists(os.path.join(folder, ".git")):
            return Workspace(folder, (folder,), None), None
    if plain is not None:
        return Workspace(plain, (plain,), None), None
    bases = sorted({_outside_packages(folder) for folder in folders})
    return Workspace(_common(bases), tuple(bases), None, marked=False), None


def _outside_packages(folder: str) -> str:
    return next(place for place in _upward(folder) if not os.path.isfile(os.path.join(place, "__init__.py")))


def _table(file: str) -> dict[str, Any] | None:
    """Read our table of a TOML file, or None when it has none."""
    try:
        with open(file, "rb") as stream:
            document = tomllib.load(stream)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}; check the path and its permissions") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}; mend the file or pass another --config") from error
    tool = document.get("tool", {})
    table = tool.get(SECTION) if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"{file}: tool.{SECTION} must be a table; write [tool.{SECTION}] and the keys below it")
    return table


def _config(table: Mapping[str, Any], file: str, codes: Collection[str]) -> Config:
    values: dict[str, Any] = {}
    for key, value in table.items():
        where = f"{file}: [tool.{SECTION}] {key}"
        reader = _READERS.get(key)
        if reader is None:
            raise ConfigError(f"{where}: unknown key; {_hint(key, list(_READERS), 'the keys are')}")
        values[key.replace("-", "_")] = reader(value, where)
    for key in ("select", "ignore"):
        check_selectors(values.get(key, ()), codes, f"{file}: [tool.{SECTION}] {key}")
    check_ignorable(values.get("ignore", ()), f"{file}: [tool.{SECTION}] ignore")
    return Config(**values)


def _strings(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f'{where}: must be a list of strings, such as ["NP101"], not {value!r}')
    return tuple(value)


def _boolean(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{where}: must be true or false, not {value!r}")
    return value


def _count(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigError(f"{where}: must be a whole number, 0 for one per processor, not {value!r}")
    return value


def _severity(value: object, where: str) -> Severity:
    names = {str(severity): severity for severity in Severity}
    if not isinstance(value, str) or value not in names:
        raise ConfigError(f"{where}: must be one of {', '.join(names)}, not {value!r}")
    return names[value]


_READERS: Final[Mapping[str, Callable[[object, str], object]]] = {
    "select": _strings,
    "ignore": _strings,
    "exclude": _strings,
    "extend-exclude": _strings,
    "force-exclude": _boolean,
    "show-low": _boolean,
    "min-severity": _severity,
    "jobs": _count,
}
