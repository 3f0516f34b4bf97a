"""The form of a trace: files, bytes and the JSON Schema; and its agreement with the findings of a whole project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import nplus1_lint.report
from nplus1_lint import pipeline
from nplus1_lint.config import Config, load
from nplus1_lint.discover import discover
from nplus1_lint.index import index_files
from nplus1_lint.infer import infer
from nplus1_lint.infer.recorder import Recorder
from nplus1_lint.link import link
from nplus1_lint.rules import PRIMARY, RULES, find_suspects
from nplus1_lint.trace import trace
from tests.test_trace import MODELS, SERVICE, run

ROOT = Path(__file__).parent.parent
FIXTURE = ROOT / "fixtures" / "skillmeat_mini"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "app.py").write_text(SERVICE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def schema() -> dict[str, Any]:
    file = Path(nplus1_lint.report.__file__).with_name("trace_v1.schema.json")
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(loaded)
    return loaded


def test_a_trace_can_go_to_a_file(folder: Path) -> None:
    assert run("sizes", "-o", "trace.txt").stdout == ""
    assert (folder / "trace.txt").read_text() == run("sizes").stdout


def test_the_same_input_gives_the_same_bytes(folder: Path) -> None:
    found = set()
    for seed, paths in (("0", ["app.py", "models.py"]), ("1", ["models.py", "app.py"]), ("2", ["."])):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "nplus1_lint", "trace", "Teams.size", *paths, "--format", "json"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


def test_a_trace_needs_neither_libcst_nor_rich(folder: Path) -> None:
    code = "from nplus1_lint.cli import main; main(['trace', 'sizes'], standalone_mode=False)"
    command = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules, file=sys.stderr)"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert {"libcst", "rich"}.isdisjoint(done.stderr.split())


def test_traces_agree_with_the_findings_of_a_whole_project() -> None:
    """Recording changes no finding, each finding is counted in the trace of its function, and all are valid JSON."""
    cwd = str(FIXTURE)
    workspace = load(["."], cwd=cwd, codes=pipeline.rule_codes()).workspace
    files = discover(["."], Config(exclude=()), workspace, cwd=cwd)
    project = link(index_files(files.files).modules)
    functions = list(project.hierarchy.functions.values())
    recorder = Recorder([(function.path, function.facts.pos) for function in functions])
    suspects = find_suspects(infer(project, recorder), RULES)
    assert suspects == find_suspects(infer(project), RULES)
    write, valid = nplus1_lint.report.trace_writer("json"), jsonschema.Draft202012Validator(schema())
    counted = set()
    repeated = set(PRIMARY) - {"NP205", "NP301", "NP302", "NP303"}  # which say how rows are used, not what repeats
    for function in functions:
        found = trace(recorder, suspects, function, lambda path: path)
        valid.validate(json.loads(write(found)))
        contexts = [*found.contexts, *(context for body in found.lambdas for context in body.contexts)]
        for effect in (effect for context in contexts for effect in context.effects):
            if any(loop.counted for loop in effect.loops):
                counted |= {(code, effect.path, effect.line) for code in effect.codes if code in repeated}
    assert {(s.code, s.path, s.pos.line) for s in suspects if s.code in repeated} == counted
