"""The page of the analysis in a real browser: it fits a phone, follows the colour scheme, sorts and unfolds."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.test_analysis_report import written

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROBE = """\
<script>
"use strict";
const columns = [...document.querySelectorAll("#repetition table")][0];
const numbers = () => [...columns.tBodies[0].rows].map(row => Number(row.cells[4].dataset.sort));
const button = columns.tHead.rows[0].cells[4].querySelector("button");
button.click();
const falling = numbers();
button.click();
const rising = numbers();
const folded = document.querySelector("details.finding");
location.hash = folded.querySelector("[id]").id;
setTimeout(() => {
  const wide = [...document.querySelectorAll("main *")].filter(part => !part.closest(".scroll, pre, svg")
    && part.getBoundingClientRect().right > innerWidth + 1).map(part => part.outerHTML.slice(0, 80));
  parent.postMessage(JSON.stringify({
    width: innerWidth, content: document.documentElement.scrollWidth, wide, falling, rising, open: folded.open,
    ink: getComputedStyle(document.body).color, paper: getComputedStyle(document.body).backgroundColor,
    bars: [...document.querySelectorAll("rect.before")].map(bar => Math.round(bar.getBoundingClientRect().width)),
    errors: window.failures,
  }), "*");
}, 50);
</script>
</body>"""
FRAME = """\
<!DOCTYPE html>
<script>
addEventListener("message", event => { document.documentElement.dataset.probe = event.data; });
</script>
<iframe src="report.html" style="width: %dpx; height: 900px; border: 0"></iframe>
"""  # a window is never narrower than 500 pixels, a frame is
GUARD = "<script>window.failures = []; addEventListener('error', e => failures.push(e.message));</script>"


def look(folder: Path, width: int, scheme: int) -> dict[str, Any]:
    """Open the page in a browser without a window and return what the probe saw."""
    assert BROWSER is not None
    page = written("html").replace("<head>", f"<head>{GUARD}").replace("</body>", PROBE)
    folder.joinpath("report.html").write_text(page, encoding="utf-8")
    path = folder / "frame.html"
    path.write_text(FRAME % width, encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += [f"--blink-settings=preferredColorScheme={scheme}", "--window-size=1400,1000"]
    command += ["--virtual-time-budget=3000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=True)
    found = re.search(r'data-probe="([^"]*)"', done.stdout)
    assert found is not None, done.stderr
    probe: dict[str, Any] = json.loads(html.unescape(found[1]))
    return probe


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium or Chrome here to open the page with")
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_and_works(width: int, tmp_path: Path) -> None:
    seen = {name: look(tmp_path, width, scheme) for name, scheme in (("dark", 0), ("light", 1))}
    for probe in seen.values():
        assert probe["errors"] == []
        assert probe["width"] == width
        assert probe["content"] <= width, probe["wide"]
        assert probe["wide"] == []
        assert probe["falling"] == sorted(probe["falling"], reverse=True)
        assert probe["rising"] == probe["falling"][::-1]
        assert probe["open"]
        assert probe["bars"] == sorted(probe["bars"], reverse=True)
        assert 0 < probe["bars"][-1] < probe["bars"][0] < width
    assert luminance(seen["light"]["paper"]) > 200 > luminance(seen["light"]["ink"])
    assert luminance(seen["dark"]["ink"]) > 200 > luminance(seen["dark"]["paper"])


def luminance(colour: str) -> int:
    """The mean of the channels of ``rgb(20, 24, 28)``."""
    return sum(map(int, re.findall(r"\d+", colour)[:3])) // 3
