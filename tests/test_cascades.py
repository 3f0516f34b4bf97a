"""Chains of eager loads: the statements that NP203 tells are those that SQLAlchemy sends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.findings import Severity
from tests.executed import counting, importable, materialise

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.findings import Finding

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Shelf(Base):
    __tablename__ = "shelves"
    id: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[list["Book"]] = relationship(lazy="{books}", back_populates="shelf")


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    shelf_id: Mapped[int] = mapped_column(ForeignKey("shelves.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    shelf: Mapped["Shelf"] = relationship(lazy="selectin", back_populates="books")
    author: Mapped["Author"] = relationship(lazy="{author}", back_populates="books")
    pages: Mapped[list["Page"]] = relationship(lazy="selectin")


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[list["Book"]] = relationship(lazy="selectin", back_populates="author")
    prizes: Mapped[list["Prize"]] = relationship(lazy="subquery")


class Page(Base):
    __tablename__ = "pages"
    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"))
    notes: Mapped[list["Note"]] = relationship(lazy="selectin")


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    page_id: Mapped[int] = mapped_column(ForeignKey("pages.id"))


class Prize(Base):
    __tablename__ = "prizes"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
"""
APP = """\
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Author, Shelf


def shelves(session: Session):
    return [shelf.id for shelf in session.scalars(select(Shelf)).unique()]


def authors(session: Session):
    return [author.id for author in session.scalars(select(Author)).unique()]
"""


def findings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Finding]:
    """The NP203 findings of a folder by the relationship with which their messages begin."""
    (folder / "pyproject.toml").write_text('[tool.nplus1-lint]\nselect = ["NP203"]\n', encoding="utf-8")
    monkeypatch.chdir(folder)
    return {one.message.partition(" ")[0]: one for one in nplus1_lint.check(["."]).findings}


def sent(folder: Path, entity: str) -> tuple[int, int]:
    """How many statements and joins a query for one row of a class sends."""
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import Session

    with importable(folder):
        import models  # type: ignore[import-not-found]

        engine = create_engine("sqlite://")
        models.Base.metadata.create_all(engine)
        with Session(engine) as session:
            author = models.Author(prizes=[models.Prize()])
            pages = [models.Page(notes=[models.Note()])]
            session.add(models.Shelf(books=[models.Book(author=author, pages=pages)]))
            session.commit()
        with Session(engine) as session, counting(engine, folder) as log:
            session.scalars(select(getattr(models, entity))).unique().one()
        engine.dispose()
    return len(log.statements), log.joins


@pytest.mark.parametrize(
    ("books", "author", "root"),
    [
        ("selectin", "selectin", "Shelf.books"),
        ("selectin", "joined", "Shelf.books"),
        ("joined", "joined", "Shelf.books"),
        ("subquery", "selectin", "Shelf.books"),
        ("selectin", "selectin", "Author.books"),
    ],
)
def test_the_statements_told_are_those_sent(
    books: str, author: str, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MODELS.replace("{books}", books).replace("{author}", author)
    folder = materialise({"models.py": source, "app.py": APP}, tmp_path)
    one = findings(folder, monkeypatch)[root]
    told = re.search(r"runs (?P<statements>\d+) more statement", one.message)
    joined = re.search(r"joins (?P<tables>\d+) more table", one.message)
    assert told is not None
    statements, joins = sent(folder, root.partition(".")[0])
    beside = 1 if root == "Author.books" else 0  # Author.prizes is loaded beside the chain
    assert statements == 1 + beside + int(told["statements"])
    assert joins >= (int(joined["tables"]) if joined else 0)  # a subquery load joins its parent's statement


def test_the_end_of_a_chain_is_reported_where_a_query_starts_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MODELS.replace("{books}", "selectin").replace("{author}", "selectin")
    folder = materialise({"models.py": source, "app.py": APP}, tmp_path)
    assert set(findings(folder, monkeypatch)) == {"Shelf.books", "Author.books"}
    (folder / "app.py").write_text(APP.replace("Author", "Book").replace("author", "book"), encoding="utf-8")
    assert {"Shelf.books", "Book.pages"} <= set(findings(folder, monkeypatch))


def test_the_link_that_nobody_reads_is_to_be_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = MODELS.replace("{books}", "selectin").replace("{author}", "select")
    app = APP.replace("shelf.id for", "[len(book.pages) for book in shelf.books] for")
    one = findings(materialise({"models.py": source, "app.py": app}, tmp_path), monkeypatch)["Shelf.books"]
    assert one.suggestion is not None
    assert one.suggestion.title.startswith("Cut the chain at Page.notes (models.py:")
    assert one.severity is Severity.WARNING
    assert [step.line for step in one.evidence] == sorted(step.line for step in one.evidence)


def test_a_chain_of_joined_single_rows_and_one_that_is_read_throughout_are_information(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MODELS.replace("{books}", "selectin").replace("{author}", "select")
    read = "[len(page.notes) for book in shelf.books for page in book.pages], [book.shelf for book in shelf.books]"
    app = APP.replace("shelf.id for", f"({read}) for")
    folder = materialise({"models.py": source, "app.py": app}, tmp_path)
    assert findings(folder, monkeypatch)["Shelf.books"].severity is Severity.INFO
    single = source.replace('lazy="selectin"', 'lazy="select"').replace('lazy="subquery"', 'lazy="select"')
    single = single.replace('lazy="select", back_populates="books")', 'lazy="joined", back_populates="books")')
    joined = single.replace(
        "    notes: Mapped", '    book: Mapped["Book"] = relationship(lazy="joined", viewonly=True)\n    notes: Mapped'
    )
    (folder / "models.py").write_text(joined, encoding="utf-8")
    assert {name: one.severity for name, one in findings(folder, monkeypatch).items()} == {"Page.book": Severity.INFO}
