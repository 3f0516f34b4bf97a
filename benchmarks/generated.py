"""A project of any number of modules: models, repositories, services, routers, and code that knows nothing of them.

Its call graph is as wide as it is long: each router calls services, each service repositories and helpers of other
parts, and every tenth router queries in a loop. The same number gives the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PART = 10  # modules of one part: a model, a repository, two services, a router, five helpers

_BASE = """\
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    pass
"""
_MODEL = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from generated.base import Base


class Owner{n}(Base):
    __tablename__ = "owners_{n}"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    items: Mapped[list["Item{n}"]] = relationship(back_populates="owner", lazy="{lazy}")


class Item{n}(Base):
    __tablename__ = "items_{n}"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("owners_{n}.id"), index=True)
    weight: Mapped[int] = mapped_column(index=True)
    owner: Mapped[Owner{n}] = relationship(back_populates="items")
"""
_REPOSITORY = """\
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from generated.part_{n}.models import Item{n}, Owner{n}


class Repository{n}:
    def __init__(self, session: Session) -> None:
        self.session = session

    def all_owners(self) -> list[Owner{n}]:
        return list(self.session.scalars(select(Owner{n}).order_by(Owner{n}.id)))

    def owner(self, key: int) -> Owner{n} | None:
        return self.session.get(Owner{n}, key)

    def count_items(self, owner_id: int) -> int:
        return self.session.scalar(select(func.count(Item{n}.id)).where(Item{n}.owner_id == owner_id)) or 0

    def heavy(self, limit: int) -> list[Item{n}]:
        found = []
        for item in self.session.scalars(select(Item{n}).where(Item{n}.weight > limit).order_by(Item{n}.id)):
            item.weight += 1
            found.append(item)
        return found
"""
_SERVICE = """\
from sqlalchemy.orm import Session

from generated.part_{n}.helpers_{k} import describe, total
from generated.part_{n}.repository import Repository{n}
from generated.part_{other}.repository import Repository{other}


class Service{n}{letter}:
    def __init__(self, session: Session) -> None:
        self.repository = Repository{n}(session)
        self.others = Repository{other}(session)

    def overview(self) -> list[dict[str, object]]:
        rows = []
        for owner in self.repository.all_owners():
            rows.append({{"id": owner.id, "label": describe(owner.name), "size": len(owner.name)}})
        return rows

    def weights(self, limit: int) -> int:
        try:
            mine = total([item.weight for item in self.repository.heavy(limit)])
        except ValueError:
            mine = 0
        return mine + total([item.weight for item in self.others.heavy(limit)])

    def sizes(self) -> dict[int, int]:
        {body}
"""
_LOOP = "return {owner.id: self.repository.count_items(owner.id) for owner in self.repository.all_owners()}"
_NO_LOOP = "return {owner.id: len(owner.name) for owner in self.repository.all_owners()}"
_ROUTER = """\
from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session

from generated.part_{n}.service_a import Service{n}A
from generated.part_{n}.service_b import Service{n}B
from generated.session import get_session

router = APIRouter(prefix="/part-{n}")


@router.get("/overview")
def overview(session: Session = Depends(get_session)) -> list[dict[str, object]]:
    return Service{n}A(session).overview()


@router.get("/weights")
def weights(limit: int = 10, session: Session = Depends(get_session)) -> dict[str, int]:
    return {{"a": Service{n}A(session).weights(limit), "b": Service{n}B(session).weights(limit)}}


@router.get("/sizes")
def sizes(session: Session = Depends(get_session)) -> dict[int, int]:
    return Service{n}B(session).sizes()
"""
_SESSION = """\
from collections.abc import Iterator

from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine("sqlite://")
make = sessionmaker(engine)


def get_session() -> Iterator[Session]:
    with make() as session:
        yield session
"""
_HELPERS = """\
import json
import os
from dataclasses import dataclass, field


@dataclass
class Settings{n}:
    root: str = "."
    names: list[str] = field(default_factory=list)

    def load(self, path: str) -> None:
        with open(os.path.join(self.root, path)) as handle:
            for key, value in json.load(handle).items():
                if key == "names":
                    self.names = [str(one).strip() for one in value]
                elif isinstance(value, str):
                    self.root = value


def describe(name: str, width: int = 20) -> str:
    words = [word.capitalize() for word in name.split("_") if word]
    text = " ".join(words)
    if len(text) > width:
        text = text[: width - 1] + "…"
    return text


def total(values: list[int]) -> int:
    result = 0
    for value in values:
        if value < 0:
            raise ValueError(f"negative: {{value}}")
        result += value
    return result


def table(rows: list[dict[str, object]], columns: list[str]) -> str:
    lines = []
    for row in rows:
        cells = []
        for column in columns:
            cells.append(str(row.get(column, "")).ljust(12))
        lines.append(" | ".join(cells))
    return "\\n".join(lines)
"""


def write_project(folder: Path, modules: int) -> None:
    """Write a project.

    Args:
        folder: where its package goes; it must exist.
        modules: how many modules it has, a few more or less.
    """
    package = folder / "generated"
    parts = max(1, modules // PART)
    for name, text in _files(parts):
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "pyproject.toml").write_text("[tool.nplus1-lint]\n", encoding="utf-8")


def middle(modules: int) -> str:
    """Return the path of a module in the middle of the call graph, relative to the project."""
    return f"generated/part_{max(1, modules // PART) // 2}/repository.py"


def _files(parts: int) -> Iterator[tuple[str, str]]:
    yield "__init__.py", ""
    yield "base.py", _BASE
    yield "session.py", _SESSION
    for n in range(parts):
        other = (n * 7 + 3) % parts
        yield f"part_{n}/__init__.py", ""
        yield f"part_{n}/models.py", _MODEL.format(n=n, lazy="selectin" if n % 5 == 0 else "select")
        yield f"part_{n}/repository.py", _REPOSITORY.format(n=n)
        for k, letter in enumerate("AB"):
            body = _LOOP if n % 10 == 0 and letter == "B" else _NO_LOOP
            text = _SERVICE.format(n=n, k=k, letter=letter, other=other, body=body)
            yield f"part_{n}/service_{letter.lower()}.py", text
        yield f"part_{n}/router.py", _ROUTER.format(n=n)
        for k in range(4):
            yield f"part_{n}/helpers_{k}.py", _HELPERS.format(n=n)
