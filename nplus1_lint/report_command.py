"""The command ``report``: the performance analysis of a project, as Markdown or as one page of HTML."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from nplus1_lint.cost_command import assumptions, warn
from nplus1_lint.output import LateBar, emit

if TYPE_CHECKING:
    from nplus1_lint.config import Config

_ENDINGS: Final = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}
_UNITS: Final = {"us": 0.001, "µs": 0.001, "ms": 1.0, "s": 1000.0}
_SLOWEST: Final = 60_000.0  # milliseconds


@click.command()
@click.argument("paths", nargs=-1)
@click.option("--output", "-o", metavar="FILE", help="Write to FILE; its ending says the format: .md or .html.")
@click.option(
    "--format", "format_name", type=click.Choice(["markdown", "html"]), help="The format, whatever the ending."
)
@click.option(
    "--assume", multiple=True, metavar="NAME=NUMBER,…", help="Numbers for sizes of the formulas; N=50 for all others."
)
@click.option(
    "--rtt", default="2ms", show_default=True, metavar="TIME", help="From a statement to its answer: 2ms, 500us, 1s."
)
@click.option("--stamp", metavar="TEXT", default="", help="Print TEXT below the title, such as a date or a revision.")
@click.option("--jobs", "-j", type=click.IntRange(min=0), metavar="N", help="Processes; 0 for one per processor.")
@click.option("--config", "config_file", metavar="FILE", help="Read [tool.nplus1-lint] from this TOML file.")
def report(
    paths: tuple[str, ...],
    output: str | None,
    format_name: str | None,
    assume: tuple[str, ...],
    rtt: str,
    stamp: str,
    jobs: int | None,
    config_file: str | None,
) -> None:
    """Write the performance analysis of a project.

    It tells what repeats, what is loaded for nothing, which indexes serve and which are missing, what is worth keeping,
    what each endpoint sends before and after the changes, and in which order to make them. PATHS are read as `check`
    reads them; without any, the working directory. The same source gives the same bytes. Exit code 0: written; 2: wrong
    usage, broken configuration, or a file that could not be read or parsed.
    """
    from nplus1_lint import pipeline, reporting
    from nplus1_lint.compose import compose
    from nplus1_lint.config import load
    from nplus1_lint.report import analysis_writer

    format_name = format_name or _format_of(output)
    assumed, round_trip = assumptions(assume), _milliseconds(rtt)
    cwd = os.getcwd()
    paths = paths or (".",)
    settings = load(paths, cwd=cwd, codes=pipeline.rule_codes(), config_file=config_file)
    config: Config = settings.config if jobs is None else replace(settings.config, jobs=jobs)
    bar = LateBar() if sys.stderr.isatty() else None
    try:
        outcome = reporting.assess(
            paths,
            config,
            settings.workspace,
            cwd=cwd,
            assumed=assumed,
            round_trip=round_trip,
            stamp=stamp,
            progress=bar,
        )
    finally:
        if bar:
            bar.close()
    errors = outcome.assessment.report.errors
    warn(outcome.warnings, errors)
    emit(analysis_writer(format_name)(compose(outcome.assessment)), output)
    if errors:
        sys.exit(2)


def _format_of(output: str | None) -> str:
    if output is None:
        return "markdown"
    ending = os.path.splitext(output)[1].lower()
    if ending not in _ENDINGS:
        raise click.UsageError(
            f"--output {output}: the ending {ending or '(none)'} names no format; "
            f"use one of {', '.join(_ENDINGS)}, or say --format."
        )
    return _ENDINGS[ending]


def _milliseconds(written: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(us|µs|ms|s)\s*", written)
    value = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < value <= _SLOWEST:
        raise click.UsageError(f"--rtt takes a time such as 2ms, 500us or 1s, up to a minute; {written!r} is none.")
    return value
