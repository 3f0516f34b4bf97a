"""Where a rewrite's imports go, how a name that is there already is written, and the diff that shows both."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nplus1_lint.findings import Applicability, Edit, FileChange, InternalError, Pos
from nplus1_lint.flag.diff import Lines, edited, unified
from nplus1_lint.flag.imports import add_imports, import_of, merged, unusable
from nplus1_lint.flag.rewrite import Context, Rewrite
from nplus1_lint.flag.source import SourceFiles, SourceText
from nplus1_lint.flag.visitor import Region
from tests.flag_support import node_of, suspect_at

if TYPE_CHECKING:
    from pathlib import Path

FUNC = "from sqlalchemy import func"
PLACED = {
    "in a sorted statement": (
        "from sqlalchemy import and_, select\n",
        FUNC,
        "from sqlalchemy import and_, func, select\n",
    ),
    "in an unsorted one, behind the last": (
        "from sqlalchemy import select, and_\n",
        FUNC,
        "from sqlalchemy import select, and_, func\n",
    ),
    "on a line of its own between brackets": (
        "from sqlalchemy import (\n    String,  # text\n    and_,\n    select,\n)\n",
        FUNC,
        "from sqlalchemy import (\n    String,  # text\n    and_,\n    func,\n    select,\n)\n",
    ),
    "before the last, whose comment stays with it": (
        "from sqlalchemy import (\n    and_,\n    case,  # of all\n)\n",
        FUNC,
        "from sqlalchemy import (\n    and_,\n    func,\n    case,  # of all\n)\n",
    ),
    "classes before functions": (
        "from sqlalchemy import Column, ForeignKey, and_\n",
        "from sqlalchemy import Integer, tuple_",
        "from sqlalchemy import Column, ForeignKey, Integer, and_, tuple_\n",
    ),
    "with Windows' line ends": (
        "import os\r\n\r\nfrom sqlalchemy import (\r\n    and_,\r\n    select,\r\n)\r\n",
        FUNC,
        "import os\r\n\r\nfrom sqlalchemy import (\r\n    and_,\r\n    func,\r\n    select,\r\n)\r\n",
    ),
    "beside the package's other modules": (
        "import os\n\nimport click\nfrom sqlalchemy.orm import Session\n\nx = 1\n",
        FUNC,
        "import os\n\nimport click\nfrom sqlalchemy import func\nfrom sqlalchemy.orm import Session\n\nx = 1\n",
    ),
    "the standard library in its group": (
        "import os\nimport re\n\nimport click\n",
        "from collections import defaultdict",
        "import os\nimport re\nfrom collections import defaultdict\n\nimport click\n",
    ),
    "mixed styles sorted by module": (
        "from abc import ABC\nimport re\n\nimport click\n",
        "from collections import defaultdict",
        "from abc import ABC\nfrom collections import defaultdict\nimport re\n\nimport click\n",
    ),
    "a group of its own before those behind it": (
        '"""Page."""\n\n# ours\nfrom app import models\n',
        "from collections import defaultdict",
        '"""Page."""\n\nfrom collections import defaultdict\n\n# ours\nfrom app import models\n',
    ),
    "behind __future__": (
        '"""Page."""\nfrom __future__ import annotations\n\nx = 1\n',
        FUNC,
        '"""Page."""\nfrom __future__ import annotations\n\nfrom sqlalchemy import func\n\nx = 1\n',
    ),
    "behind __future__ without a blank line": (
        "from __future__ import annotations\nimport re\n",
        "from collections import defaultdict",
        "from __future__ import annotations\nimport re\nfrom collections import defaultdict\n",
    ),
    "behind the docstring": ('"""Page."""\n\nx = 1\n', FUNC, '"""Page."""\n\nfrom sqlalchemy import func\n\nx = 1\n'),
    "before the first statement": (
        "#!/usr/bin/python\n# -*- coding: utf-8 -*-\nx = 1\n",
        FUNC,
        "#!/usr/bin/python\n# -*- coding: utf-8 -*-\nfrom sqlalchemy import func\n\nx = 1\n",
    ),
    "not under TYPE_CHECKING": (
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from sqlalchemy import func\n\nx = 1\n",
        FUNC,
        "from typing import TYPE_CHECKING\n\nfrom sqlalchemy import func\n\n"
        "if TYPE_CHECKING:\n    from sqlalchemy import func\n\nx = 1\n",
    ),
    "not twice": ("from sqlalchemy import func\n", FUNC, "from sqlalchemy import func\n"),
    "in a relative statement": (
        "from .models import Team\n",
        "from app.models import Hero",
        "from .models import Hero, Team\n",
    ),
    "not in a star": (
        "from sqlalchemy import *\n",
        "from sqlalchemy import func",
        "from sqlalchemy import *\nfrom sqlalchemy import func\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "after"), PLACED.values(), ids=PLACED.keys())
def test_import_is_placed(text: str, line: str, after: str) -> None:
    placed = edited(text, add_imports(SourceText("app/x.py", text), [line]))
    assert placed == after
    assert edited(placed, add_imports(SourceText("app/x.py", placed), [line])) == after


WRITTEN = {
    "an alias": ("from sqlalchemy import func as f\n", "f", None),
    "a module": ("import sqlalchemy\n", "sqlalchemy.func", None),
    "a module's alias": ("import sqlalchemy as sa\n", "sa.func", None),
    "another module of the package": ("from sqlalchemy.sql import func\n", "func", None),
    "another package's": ("from peewee import func\n", "func", FUNC),
    "only for types": ("if TYPE_CHECKING:\n    from sqlalchemy import func\n", "func", FUNC),
    "perhaps": ("try:\n    from sqlalchemy import func\nexcept ImportError:\n    pass\n", "func", FUNC),
    "in another function": ("def g():\n    from sqlalchemy import func\n", "func", FUNC),
}


@pytest.mark.parametrize(("text", "written", "line"), WRITTEN.values(), ids=WRITTEN.keys())
def test_name_is_written_as_the_file_has_it(text: str, written: str, line: str | None) -> None:
    assert import_of(SourceText("app/x.py", text), "sqlalchemy", "func") == (written, line)


def test_a_submodule_gives_its_names() -> None:
    source = SourceText("app/x.py", "from sqlalchemy import orm\n")
    assert import_of(source, "sqlalchemy.orm", "selectinload") == ("orm.selectinload", None)


def test_an_import_of_the_function_itself_counts_behind_it() -> None:
    text = "def f(s):\n    a = 1\n    from sqlalchemy import func as g\n    def h():\n        return s\n"
    source = SourceText("app/x.py", text)
    assert import_of(source, "sqlalchemy", "func", 4) == ("g", None)
    assert import_of(source, "sqlalchemy", "func", 1) == ("func", FUNC)


REFUSED = {
    "a variable of the module": ("func = 1\ndef f(s):\n    here\n", True),
    "a parameter": ("def f(func):\n    here\n", True),
    "a parameter of another function": ("def g(func):\n    pass\ndef f(s):\n    here\n", False),
    "a function": ("def func():\n    pass\ndef f(s):\n    here\n", True),
    "another module's": ("from peewee import func\ndef f(s):\n    here\n", True),
    "a later import in the same function": ("def f(s):\n    here\n    from sqlalchemy import func\n", True),
    "an import in another function": ("def g():\n    from sqlalchemy import func\ndef f(s):\n    here\n", False),
    "a use": ("def f(s):\n    func.count()\n    here\n", False),
    "words in strings and comments": ("def f(s):\n    '''func = 1'''  # func\n    here\n", False),
    "an attribute": ("def f(s):\n    s.func = 2\n    here\n", False),
    "a global of another function": ("def g():\n    global func\n    func = 1\ndef f(s):\n    here\n", True),
}  # fmt: skip


@pytest.mark.parametrize(("text", "refused"), REFUSED.values(), ids=REFUSED.keys())
def test_taken_names_are_refused(text: str, refused: bool) -> None:
    source = SourceText("app/x.py", text)
    at = source.index(text[: text.index("here")].count("\n") + 1)
    assert (unusable(source, [FUNC], at) is not None) is refused


def test_new_imports_of_the_project_are_refused_unless_the_module_is_imported_already() -> None:
    line = ["from app.models import Hero"]
    assert unusable(SourceText("app/x.py", "x = 1\n"), line, 0) == "an import of app.models could be circular"
    assert unusable(SourceText("app/x.py", "from app.models import Team\n"), line, 0) is None


def test_imports_are_merged_and_checked() -> None:
    lines = ["from b import z, a", "from a import x", "from b import a"]
    assert merged(lines) == ("from a import x", "from b import a, z")
    with pytest.raises(ValueError, match="is not of the form"):
        merged(["import os"])


def test_a_rewrite_changes_several_files_or_is_only_shown(tmp_path: Path) -> None:
    texts = {
        "app/x.py": "def f(rows):\n    return [row.team for row in rows]\n",
        "app/a b.py": "def g(s):\n    return 1\n",
    }
    files = SourceFiles(texts.__getitem__)
    suspect = suspect_at(texts["app/x.py"], node_of(texts["app/x.py"], "row.team"), "NP104")
    source = files["app/x.py"]
    region = Region(source, *(source.statements(1, 2) or (0, 0)))
    found = region.find(suspect.pos, (object,))  # type: ignore[arg-type]
    assert found is not None
    context = Context(suspect, found, region, files)
    other, one = context.elsewhere("app/a b.py", Pos(2, 11, 2, 12), "a number")
    with pytest.raises(InternalError, match=r"app/a b\.py:2: the plan of NP104 names a query at column 5, but none"):
        context.elsewhere("app/a b.py", Pos(2, 4, 2, 9), "a query")
    change = FileChange("app/a b.py", (Edit(*other.offsets(one.node), "func.now()"),), (FUNC,))
    rewrite = Rewrite("Do", 1, ("# new",), (), (), Applicability.UNSAFE, "something differs", (change,))
    made = rewrite.suggestion(context)
    assert (made.applicability, made.behaviour) == (Applicability.UNSAFE, "something differs")
    assert [change.path for change in made.changes] == ["app/a b.py", "app/x.py"]
    applied = _git_apply(tmp_path, texts, made.diff)
    assert applied["app/a b.py"] == "from sqlalchemy import func\n\ndef g(s):\n    return func.now()\n"
    assert applied["app/x.py"] == "def f(rows):\n    # new\n    return [row.team for row in rows]\n"
    taken = FileChange("app/x.py", (), (FUNC,))
    assert Rewrite("Do", 1, (), (), ("from app.y import z",)).suggestion(context).applicability is Applicability.DISPLAY
    assert taken.edits == ()
    with pytest.raises(ValueError, match="names what may differ"):
        Rewrite("Do", 1, (), (), (), Applicability.UNSAFE)


def _git_apply(folder: Path, texts: dict[str, str], diff: str) -> dict[str, str]:
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True, parents=True)
        (folder / path).write_bytes(text.encode())
    if diff:
        subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=folder, check=True, capture_output=True)
    return {path: (folder / path).read_bytes().decode() for path in texts}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_git_applies_the_diff_of_any_edits(data: st.DataObject, tmp_path: Path) -> None:
    line = st.text("ab é\r", max_size=3)
    text = "\n".join(data.draw(st.lists(line, min_size=1, max_size=30)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    edits = [Edit(a, b, data.draw(st.text("x\n", max_size=4))) for a, b in pairs]
    path = data.draw(st.sampled_from(["a.py", "ä b.py", 'q"t\\.py']))
    after = edited(text, edits)
    if not after:
        return  # git removes a file that has become empty
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    assert _git_apply(folder, {path: text}, unified(path, Lines(text), edits)) == {path: after}
