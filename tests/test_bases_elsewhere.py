"""Mapped classes whose declarative base another package has, and queries that another package's functions refine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from tests.executed import materialise

if TYPE_CHECKING:
    from pathlib import Path

MODELS = """\
import sqlalchemy as sa
from elsewhere.db import {base}
from sqlalchemy import orm


class Port({base}):
    name = {column}(sa.String(64))
    addresses = orm.relationship("IpAddress", back_populates="port")


class IpAddress({base}):
    id = {column}(sa.Integer, primary_key=True)
    port_id = {column}(sa.ForeignKey("ports.id"), index=True)
    port = orm.relationship(Port, back_populates="addresses")
"""
APP = """\
from models import IpAddress, Port
from sqlalchemy.orm import Session
{imports}

def names(session: Session):
    return [address.port.name for address in {rows}]


def addresses(session: Session):
    return [address.id for port in session.query(Port) for address in port.addresses]
"""


def found(folder: Path, monkeypatch: pytest.MonkeyPatch, models: str, app: str) -> list[tuple[str, str]]:
    materialise({"models.py": models, "app.py": app}, folder)
    monkeypatch.chdir(folder)
    return [(one.code, one.function) for one in nplus1_lint.check(["."]).findings]


PLAIN = APP.format(imports="", rows="session.query(IpAddress)")


@pytest.mark.parametrize("base", ["ModelBase", "BASEV2", "Model"])
def test_a_base_of_another_package_maps_what_declares_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    models = MODELS.format(base=base, column="sa.Column")
    assert found(tmp_path, monkeypatch, models, PLAIN) == [("NP104", "names"), ("NP104", "addresses")]


@pytest.mark.parametrize(("base", "column"), [("ModelMixin", "sa.Column"), ("Model", "elsewhere.Column")])
def test_a_mixin_and_columns_of_another_library_map_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str, column: str
) -> None:
    assert found(tmp_path, monkeypatch, MODELS.format(base=base, column=column), PLAIN) == []


@pytest.mark.parametrize(
    ("imports", "rows"),
    [
        ("from sqlalchemy_filters import apply_filters", "apply_filters(session.query(IpAddress), []).all()"),
        (
            "from oslo_db.utils import paginate_query",
            "paginate_query(session.query(IpAddress), IpAddress, 5, []).all()",
        ),
        (
            "from sqlalchemy_filters import apply_pagination",
            "apply_pagination(session.query(IpAddress), 1, 5)[0].all()",
        ),
    ],
)
def test_a_query_that_another_package_gives_back_is_still_that_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: str, rows: str
) -> None:
    app = APP.format(imports=imports, rows=rows)
    models = MODELS.format(base="Model", column="sa.Column")
    assert ("NP104", "names") in found(tmp_path, monkeypatch, models, app)


def test_what_only_reads_a_query_gives_no_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = APP.format(imports="from pandas import read_sql_query", rows="read_sql_query(session.query(IpAddress))")
    models = MODELS.format(base="Model", column="sa.Column")
    assert ("NP104", "names") not in found(tmp_path, monkeypatch, models, app)
