"""Code that is nested deeply ends in an answer, never in an overflow of the stack: the process would be gone."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from nplus1_lint.infer.deep_stack import on_deep_stack

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase): ...


class Hero(Base):
    __tablename__ = "hero"
    id: Mapped[int] = mapped_column(primary_key=True)


def run(session: Session):
    for hero in session.query(Hero):
        session.get(Hero, hero.id + 1)


"""


def scan(folder: Path, code: str) -> tuple[int, dict[str, Any]]:
    """Check one file in a process of its own; return its exit code and its report."""
    (folder / "app.py").write_text(HEAD + code, encoding="utf-8")
    command = [sys.executable, "-m", "nplus1_lint", "check", "app.py", "--no-cache", "--format", "json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 2), done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("name_0 = Hero\n" + "".join(f"name_{n + 1} = name_{n}\n" for n in range(20_000)), id="names"),
        pytest.param(
            "".join(f"def call_{n}(session: Session):\n    return call_{n + 1}(session)\n" for n in range(2_000)),
            id="calls",
        ),
        pytest.param(f"def long(hero: Hero):\n    return {' + '.join(['hero.id'] * 200)}\n", id="operators"),
        pytest.param(f"def chained(session: Session):\n    return session{'.query(Hero)' * 100}\n", id="methods"),
        pytest.param(f"def nested(session: Session):\n    return {'len(' * 90}session{')' * 90}\n", id="arguments"),
    ],
)
def test_what_stands_beside_deep_code_is_found(tmp_path: Path, code: str) -> None:
    if code.startswith("name_"):
        code += "def use(session: Session):\n    return session.query(name_20000).all()\n"
    status, document = scan(tmp_path, code)
    assert [finding["code"] for finding in document["findings"]] == ["NP102"]
    assert document["errors"] == []
    assert status == 1


@pytest.mark.parametrize(
    "deep",
    [" + ".join(["hero.id"] * 2_000), "hero" + ".id" * 2_000, "hero" + ".f()" * 2_000, "hero" + ".f().g" * 20_000],
    ids=["operators", "attributes", "methods", "parser"],
)
def test_what_is_too_deep_to_be_read_is_an_error(tmp_path: Path, deep: str) -> None:
    status, document = scan(tmp_path, f"def long(hero: Hero):\n    return {deep}\n")
    assert [error["message"] for error in document["errors"]] == ["the code is nested too deeply to parse"]
    assert status == 2


def test_inference_may_call_itself_often_and_leaves_the_limits_as_they_were() -> None:
    def down(steps: int) -> int:
        return 1 + down(steps - 1) if steps else 0

    before = sys.getrecursionlimit(), threading.stack_size()
    assert on_deep_stack(lambda: down(11_000)) == 11_000
    with pytest.raises(RecursionError):
        on_deep_stack(lambda: down(13_000))
    assert (sys.getrecursionlimit(), threading.stack_size()) == before
