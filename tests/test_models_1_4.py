"""The example models in the words of SQLAlchemy 1.4 are the same models."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import UniqueConstraint, orm

from nplus1_lint.rules import example_models
from tests import models_1_4

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.orm import Mapper

SOURCES = (example_models.SOURCE, models_1_4.SOURCE)


def registry(source: str, name: str, monkeypatch: pytest.MonkeyPatch) -> orm.registry:
    """The mapped classes of a text."""
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)  # annotations are resolved there
    exec(compile(source, name, "exec"), vars(module))
    found: orm.registry = module.Base.registry
    return found


def mappers(of: orm.registry) -> dict[str, Mapper[Any]]:
    """The configured mappers by the name of the class."""
    of.configure()
    return {mapper.class_.__name__: mapper for mapper in of.mappers}


def columns(table: Table) -> list[tuple[object, ...]]:
    return [
        (
            column.name,
            repr(column.type),
            column.nullable,
            column.primary_key,
            getattr(column.default, "arg", None),
            column.server_default,
            column.index,
            sorted(key.target_fullname for key in column.foreign_keys),
        )
        for column in table.columns
    ]


def uniques(table: Table) -> list[list[str]]:
    found = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
    return sorted([column.name for column in one.columns] for one in found)


def relationships(mapper: Mapper[Any]) -> list[tuple[object, ...]]:
    return sorted(
        (
            one.key,
            one.mapper.class_.__name__,
            one.direction.name,
            str(one.uselist),
            str(one.lazy),
            str(one.back_populates),
            str(one.primaryjoin),
            str(sorted(one.cascade)),
        )
        for one in mapper.relationships
    )


@pytest.mark.skipif(not hasattr(orm, "DeclarativeBase"), reason="SQLAlchemy 1.4 cannot import both texts")
def test_both_texts_give_the_same_models(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = (registry(text, f"models_{number}", monkeypatch) for number, text in enumerate(SOURCES))
    tables, old_tables = new.metadata.tables, old.metadata.tables
    assert list(tables) == list(old_tables) == ["teams", "heroes"]
    for name, table in tables.items():
        assert columns(table) == columns(old_tables[name])
        assert uniques(table) == uniques(old_tables[name])
    classes, old_classes = mappers(new), mappers(old)
    assert sorted(classes) == sorted(old_classes) == ["Hero", "Team"]
    for name, mapper in classes.items():
        assert str(mapper.local_table) == str(old_classes[name].local_table)
        assert relationships(mapper) == relationships(old_classes[name])


def test_both_texts_fill_the_tables_alike() -> None:
    new, old = (source.partition("\ndef seed(")[2] for source in SOURCES)
    assert new
    assert new == old
