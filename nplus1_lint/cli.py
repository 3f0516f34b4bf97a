"""The command line. What is heavy is imported inside the commands, so that ``--help`` and a clean run stay quick."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import click

from nplus1_lint.cost_command import cost
from nplus1_lint.output import Failure, LateBar, emit, emit_bytes, look, view_of
from nplus1_lint.report_command import report
from nplus1_lint.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nplus1_lint.cache.store import Store
    from nplus1_lint.config import Config, Settings
    from nplus1_lint.findings import Report
    from nplus1_lint.fixing import FixOutcome
    from nplus1_lint.pipeline import Outcome
    from nplus1_lint.replay import Run, Told
    from nplus1_lint.rules.base import Example

_HELP = {"help_option_names": ["-h", "--help"]}


class _Commands(click.Group):
    """Commands of which ``check`` may be left out; all that goes wrong ends in exit code 2."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {*self.commands, *(name for parameter in self.get_params(ctx) for name in parameter.opts)}
        if args and args[0] not in own:
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        from nplus1_lint.config import ConfigError
        from nplus1_lint.findings import InternalError

        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise Failure(str(error)) from error
        except InternalError as error:
            raise Failure(f"nplus1-lint contradicts itself, which is a bug in it, not in your code: {error}") from error
        except KeyboardInterrupt:
            ctx.exit(130)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except OSError as error:
            raise Failure(f"{error.filename or 'the working directory'}: {error.strerror or error}") from error
        except Exception as error:
            # Python would exit with 1, which says "findings" to a hook or a CI job.
            traceback.print_exc()
            raise Failure(f"nplus1-lint failed, which is a bug in it, not in your code: {error!r}") from error


@click.group(cls=_Commands, context_settings=_HELP)
@click.version_option(__version__, "-V", "--version", prog_name="nplus1-lint", message="%(prog)s %(version)s")
def main() -> None:
    """Find N+1 queries in Python code that uses SQLAlchemy, without running it.

    `nplus1-lint PATHS` is short for `nplus1-lint check PATHS`.
    """


@main.command()
@click.argument("paths", nargs=-1)
@click.option(
    "--format", "format_name", type=click.Choice(["text", "concise", "json"]), default="text", show_default=True
)
@click.option("--output", "-o", metavar="FILE", help="Write the report to FILE instead of standard output.")
@click.option("--select", multiple=True, metavar="CODES", help="Report these rules only; a prefix such as NP1 will do.")
@click.option("--ignore", multiple=True, metavar="CODES", help="Do not report these rules.")
@click.option("--show", type=click.Choice(["low"]), help="Show findings of low confidence too.")
@click.option("--min-severity", type=click.Choice(["info", "warning", "error"]), help="Leave out what is less severe.")
@click.option("--fix", is_flag=True, help="Apply the suggestions that change nothing but the number of statements.")
@click.option(
    "--unsafe-fixes", is_flag=True, help="With --fix or --diff: also those that may change behaviour, as they say."
)
@click.option("--diff", is_flag=True, help="Print what --fix would change as a unified diff, and change nothing.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")
@click.option("--jobs", "-j", type=click.IntRange(min=0), metavar="N", help="Processes; 0 for one per processor.")
@click.option(
    "--cache-dir", metavar="DIR", help="Where the cache is kept; .nplus1_cache at the project's root by default."
)
@click.option("--no-cache", is_flag=True, help="Read every file anew, and keep nothing.")
@click.option("--statistics", is_flag=True, help="Print how often each rule was found instead of the findings.")
@click.option("--force-exclude", is_flag=True, help="Exclude even files that are named on the command line.")
@click.option("--config", "config_file", metavar="FILE", help="Read [tool.nplus1-lint] from this TOML file.")
@click.option(
    "--verbose",
    "-v",
    is_flag=True,
    help="Say on standard error how long each stage took, and which templates were read.",
)
def check(
    paths: tuple[str, ...],
    format_name: str,
    output: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    show: str | None,
    min_severity: str | None,
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    exit_zero: bool,
    jobs: int | None,
    cache_dir: str | None,
    no_cache: bool,
    statistics: bool,
    force_exclude: bool,
    config_file: str | None,
    verbose: bool,
) -> None:
    """Check files and folders; without PATHS, the working directory.

    Given a file, the whole project is read to understand it, but only the file is reported on. Exit code 0: nothing
    found; 1: findings (with --fix: that remain; with --diff: that it would change something); 2: wrong usage, broken
    configuration, or a file that could not be read, parsed or written.
    """
    if statistics and format_name == "json":
        raise click.UsageError("--statistics prints text; leave out --format json, whose findings can be counted.")
    if unsafe_fixes and not (fix or diff):
        raise click.UsageError(
            "--unsafe-fixes says how far to go; add --diff to see the changes or --fix to make them."
        )
    if diff and (statistics or format_name != "text"):
        raise click.UsageError("--diff prints a diff instead of a report; leave out --statistics and --format.")
    run = _replayable(click.get_current_context().params)
    told = run.recall() if run is not None else None
    if told is not None:
        _tell(told, output)
    from nplus1_lint import pipeline
    from nplus1_lint.config import load
    from nplus1_lint.replay import Told

    cwd = os.getcwd()
    paths = paths or (".",)
    codes = pipeline.rule_codes()
    settings = load(paths, cwd=cwd, codes=codes, config_file=config_file)
    config = _overridden(settings.config, codes, _split(select), _split(ignore), min_severity, jobs)
    config = replace(
        config, show_low=config.show_low or show == "low", force_exclude=config.force_exclude or force_exclude
    )
    bar = LateBar() if sys.stderr.isatty() else None
    fixed: FixOutcome | None = None
    try:
        store = None if no_cache else _store(settings, cache_dir)
        if fix or diff:
            from nplus1_lint import fixing

            fixed = fixing.fix(
                paths,
                config,
                settings.workspace,
                cwd=cwd,
                unsafe=unsafe_fixes,
                dry=diff,
                progress=bar,
                store=store,
            )
            outcome = fixed.outcome
        else:
            outcome = pipeline.check(paths, config, settings.workspace, cwd=cwd, progress=bar, store=store)
    finally:
        if bar:
            bar.close()
    if fixed is not None:
        _say_fixes(fixed, dry=diff)
    said = [f"warning: {warning}" for warning in outcome.warnings]
    if output or diff or format_name == "json":  # what a report for machines says about files that were not checked
        said += [f"error: {error.path}:{error.line}: {error.message}" for error in outcome.report.errors]
    failed = outcome.report.errors or (fixed is not None and fixed.failed)
    found = fixed.diff if fixed is not None and diff else outcome.report.findings
    code = 2 if failed else 1 if found and not exit_zero else 0
    if verbose:
        said += _timings(outcome, settings, store)
    if fixed is not None and diff:
        emit_bytes(fixed.diff, output)
        _tell(Told(None, tuple(said), code), output)
    text = _statistics(outcome.report) if statistics else _written(outcome, format_name, output)
    told = Told(text, tuple(said), code)
    if run is not None and store is not None and outcome.inputs is not None:
        run.keep(store, told, outcome.inputs)
    _tell(told, output)


@main.command()
@click.argument("function")
@click.argument("paths", nargs=-1)
@click.option("--format", "format_name", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--output", "-o", metavar="FILE", help="Write the trace to FILE instead of standard output.")
@click.option("--jobs", "-j", type=click.IntRange(min=0), metavar="N", help="Processes; 0 for one per processor.")
@click.option("--config", "config_file", metavar="FILE", help="Read [tool.nplus1-lint] from this TOML file.")
def trace(
    function: str,
    paths: tuple[str, ...],
    format_name: str,
    output: str | None,
    jobs: int | None,
    config_file: str | None,
) -> None:
    """Show what the linter knows of a function: why a line of it is reported, or is not.

    FUNCTION is a name such as `list_tags` or `TagService.list`, the same behind its module or file as in
    `app.services.tags:TagService.list` and `app/services/tags.py:TagService.list`, or a line inside it as in
    `app/services/tags.py:41`. PATHS are read as `check` reads them; without any, the working directory.
    """
    from nplus1_lint import pipeline
    from nplus1_lint.config import load
    from nplus1_lint.report import trace_writer
    from nplus1_lint.traces import TraceError

    cwd = os.getcwd()
    paths = paths or (".",)
    settings = load(paths, cwd=cwd, codes=pipeline.rule_codes(), config_file=config_file)
    config = settings.config if jobs is None else replace(settings.config, jobs=jobs)
    try:
        outcome = pipeline.trace(function, paths, config, settings.workspace, cwd=cwd, store=_store(settings))
    except TraceError as error:
        raise Failure(str(error)) from error
    for warning in outcome.warnings:
        click.echo(f"warning: {warning}", err=True)
    for missing in outcome.errors:
        click.echo(f"error: {missing.path}:{missing.line}: {missing.message}", err=True)
    emit(trace_writer(format_name)(outcome.trace), output)


@main.command()
@click.argument("paths", nargs=-1)
@click.option(
    "--format", "format_name", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
@click.option("--output", "-o", metavar="FILE", help="Write the matrix to FILE instead of standard output.")
@click.option("--jobs", "-j", type=click.IntRange(min=0), metavar="N", help="Processes; 0 for one per processor.")
@click.option("--config", "config_file", metavar="FILE", help="Read [tool.nplus1-lint] from this TOML file.")
def loads(
    paths: tuple[str, ...], format_name: str, output: str | None, jobs: int | None, config_file: str | None
) -> None:
    """Show which relationships the mapping loads for which router, who reads them, and the cheapest change.

    PATHS are read as `check` reads them; without any, the working directory. Given a file, it shows the relationships
    that the file declares or its queries load, with every router that loads them. Exit code 0: shown; 2: wrong usage,
    broken configuration, or a file that could not be read or parsed.
    """
    from nplus1_lint import pipeline
    from nplus1_lint.config import load
    from nplus1_lint.report import loads_writer

    cwd = os.getcwd()
    paths = paths or (".",)
    settings = load(paths, cwd=cwd, codes=pipeline.rule_codes(), config_file=config_file)
    config = settings.config if jobs is None else replace(settings.config, jobs=jobs)
    bar = LateBar() if sys.stderr.isatty() else None
    try:
        store = _store(settings)
        outcome = pipeline.loads(paths, config, settings.workspace, cwd=cwd, progress=bar, store=store)
    finally:
        if bar:
            bar.close()
    for warning in outcome.warnings:
        click.echo(f"warning: {warning}", err=True)
    for missing in outcome.errors:
        click.echo(f"error: {missing.path}:{missing.line}: {missing.message}", err=True)
    emit(loads_writer(format_name)(outcome.matrix, view_of(output)), output)
    if outcome.errors:
        sys.exit(2)


@main.command()
@click.argument("code")
def explain(code: str) -> None:
    """Explain a rule: what it finds, why, when it keeps quiet, with examples."""
    from nplus1_lint.rules import RULES

    rule = next((rule for rule in RULES if rule.code == code.upper()), None)
    if rule is None:
        raise click.UsageError(f"There is no rule {code!r}; the codes are {', '.join(rule.code for rule in RULES)}.")
    import inspect

    parts = [f"{rule.code} {rule.name} ({rule.severity})", inspect.cleandoc(rule.__doc__ or rule.summary)]
    parts += [_example("Flagged", example) for example in rule.INVALID]
    parts += [_example("Not flagged", example) for example in rule.VALID]
    emit("\n\n".join(parts) + "\n", None)


@main.command()
def rules() -> None:
    """List the rules."""
    from nplus1_lint.rules import RULES

    width = max(len(rule.name) for rule in RULES)
    lines = (f"{rule.code}  {rule.name:<{width}}  {rule.severity!s:<7}  {rule.summary}\n" for rule in RULES)
    emit("".join(lines), None)


def _replayable(options: Mapping[str, Any]) -> Run | None:
    """Return the run that some options ask for, if it does nothing but tell."""
    if any(options[name] for name in ("no_cache", "verbose", "fix", "diff")):
        return None
    from nplus1_lint.replay import Run

    folder = os.path.abspath(options["cache_dir"]) if options["cache_dir"] else None
    return Run(options["paths"] or (".",), options, look(options["output"]), cwd=os.getcwd(), folder=folder)


def _tell(told: Told, output: str | None) -> NoReturn:
    """Print what a run tells, and end."""
    if told.text is not None:
        emit(told.text, output)
    for line in told.said:
        click.echo(line, err=True)
    sys.exit(told.code)


def _store(settings: Settings, folder: str | None = None) -> Store:
    from nplus1_lint.cache.store import FOLDER, Store

    return Store(os.path.abspath(folder) if folder else os.path.join(settings.workspace.root, FOLDER))


def _overridden(
    config: Config,
    codes: Sequence[str],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    min_severity: str | None,
    jobs: int | None,
) -> Config:
    """Lay the command line over the configuration: it replaces a selection and adds to what is ignored."""
    from nplus1_lint.config import check_ignorable, check_selectors
    from nplus1_lint.findings import Severity

    check_selectors(select, codes, "--select")
    check_selectors(ignore, codes, "--ignore")
    check_ignorable(ignore, "--ignore")
    return replace(
        config,
        select=select or config.select,
        ignore=(*ignore, *(code for code in config.ignore if code not in select)),
        min_severity=Severity[min_severity.upper()] if min_severity else config.min_severity,
        jobs=config.jobs if jobs is None else jobs,
    )


def _split(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(code.strip() for value in values for code in value.split(",") if code.strip())


def _written(outcome: Outcome, format_name: str, output: str | None) -> str:
    from nplus1_lint.report import writer

    return writer(format_name)(outcome.report, replace(view_of(output), hidden_low=outcome.hidden_low))


def _statistics(report: Report) -> str:
    from nplus1_lint.report.concise import write_statistics

    return write_statistics(report)


def _say_fixes(fixed: FixOutcome, *, dry: bool) -> None:
    """Say on standard error what was fixed, and what was not and why."""
    for sentence in fixed.refused:
        click.echo(sentence, err=True)
    findings = f"{fixed.fixed} finding{'' if fixed.fixed == 1 else 's'}"
    files = f"{len(fixed.files)} file{'' if len(fixed.files) == 1 else 's'}"
    click.echo(f"{'would fix' if dry else 'fixed'} {findings} in {files}", err=True)


def _timings(outcome: Outcome, settings: Settings, store: Store | None) -> list[str]:
    timings = outcome.report.timings
    lines = [f"configuration: {settings.workspace.pyproject or 'none, the defaults apply'}"]
    lines.append(f"project root: {settings.workspace.root}")
    lines += [f"{stage:<10} {seconds:8.3f} s" for stage, seconds in (*timings.items(), ("all", sum(timings.values())))]
    if outcome.aside[0]:
        lines.append(
            f"sieve: {outcome.aside[0]} of {outcome.aside[1]} files cannot matter to a finding and were not parsed"
        )
    lines += [f"templates: {note}" for note in outcome.notes]
    lines += [failure.trace.rstrip() for failure in outcome.failures]
    if store is not None and store.failure:
        lines.append(f"cache: not written: {store.failure}")
    return lines


def _example(kind: str, example: Example) -> str:
    import textwrap

    return f"{kind}: {example.name}\n\n{textwrap.indent(example.source.strip(), '    ')}"


main.add_command(cost)
main.add_command(report)
