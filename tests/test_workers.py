"""Workers that a loop starts: they query for what is put into their queue, however many they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.rules.example_models import SOURCE

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
import asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker
from models import Team

Session = async_sessionmaker()


async def slug_of(key):
    async with Session() as session:
        return (await session.scalars(select(Team).where(Team.id == key))).one().slug


class Worker:
    def __init__(self, number, queue):
        self.number = number
        self.queue = queue
        self.running = True

    async def start(self):
{body}


class Pool:
    def __init__(self, size):
        self.workers = [Worker(number, asyncio.Queue()) for number in range(size)]

    def start(self):
        return [asyncio.create_task(worker.start()) for worker in self.workers]


def start(pools: list[Pool]):
    for pool in pools:
        pool.start()
"""


def codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> set[str]:
    """The codes of what is found in the program."""
    (tmp_path / "models.py").write_text(SOURCE, encoding="utf-8")
    indented = "".join(f"        {line}\n" for line in body.splitlines())
    (tmp_path / "app.py").write_text(PROGRAM.format(body=indented), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return {finding.code for finding in nplus1_lint.check(["."]).findings}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("while True:\n    key = await self.queue.get()\n    print(await slug_of(key))", set()),
        ("while self.running:\n    key = await self.queue.get()\n    print(await slug_of(key))", set()),
        (
            "while True:\n    try:\n        key = await self.queue.get()\n    except ValueError:\n        break\n"
            "    print(await slug_of(key))",
            set(),
        ),
        ("print(await slug_of(self.number))", {"NP105"}),
        ("while not self.queue.empty():\n    key = await self.queue.get()\n    print(await slug_of(key))", {"NP105"}),
        ("while True:\n    key = self.known.get(self.number)\n    print(await slug_of(key))", {"NP105"}),
        (
            "while True:\n    key = await self.queue.get()\n    if key:\n        return await slug_of(self.number)",
            {"NP105"},
        ),
        (
            "queue = fill()\nwhile True:\n    key = await queue.get()\n    print(await slug_of(self.number))",
            {"NP105"},
        ),
    ],
)
def test_a_worker_of_a_pool_queries_for_its_queue(
    body: str, expected: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert codes(tmp_path, monkeypatch, body) & {"NP105"} == expected
