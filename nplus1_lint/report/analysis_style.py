"""The style sheet and the script of the analysis' page; the page reads well without the script."""

from __future__ import annotations

from typing import Final

STYLE: Final = """\
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6470; --paper: #ffffff; --panel: #f4f6f8; --line: #d5dae0;
  --link: #0b5cad; --bad: #b3261e; --warn: #8a5300; --good: #1a6e36; --calm: #4a5560; --mark: #fff1c2;
  --before: #c4493f; --after: #2f8f4e; --add: #e2f5e7; --del: #fde7e5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7eb; --soft: #9aa5b1; --paper: #14181c; --panel: #1e242a;
  --line: #37404a; --link: #7db8f5; --bad: #ff8a80; --warn: #f0b35a; --good: #74d18f; --calm: #a9b4bf; --mark: #4a3f16;
  --before: #d9665c; --after: #4fae6d; --add: #163322; --del: #41201e; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
header, main, nav { max-width: 76rem; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1.5rem 0 .5rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .75rem; padding-top: .5rem; border-top: 2px solid var(--line); }
h3 { font-size: 1.12rem; margin: 1.75rem 0 .5rem; }
h4, h5, h6 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
p, ul, ol { margin: .5rem 0; }
ul, ol { padding-left: 1.4rem; }
a { color: var(--link); }
.soft { color: var(--soft); }
nav ol { columns: 2 18rem; }
code, pre { font-size: .86em;
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
:not(pre) > code { background: var(--panel); border-radius: 4px; padding: .1em .3em; }
pre { margin: 0; padding: .6rem .75rem; background: var(--panel); overflow-x: auto; overflow-wrap: normal;
  line-height: 1.45; }
pre .n { display: inline-block; min-width: 3.2em; padding-right: .9em; text-align: right; color: var(--soft);
  user-select: none; }
pre mark { background: var(--mark); color: inherit; }
pre ins { background: var(--add); text-decoration: none; }
pre del { background: var(--del); text-decoration: none; }
figure, details { margin: .6rem 0; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
figcaption, summary { padding: .45rem .75rem; color: var(--soft); }
summary { cursor: pointer; }
details[open] > summary { border-bottom: 1px solid var(--line); }
details.finding > summary { color: var(--ink); font-weight: 600; }
details.finding > .body { padding: .25rem .75rem .5rem; }
.badge { display: inline-block; border: 1px solid currentColor; border-radius: 999px; padding: 0 .5em; font-size: .78em;
  font-weight: 600; text-transform: uppercase; letter-spacing: .03em; }
.bad { color: var(--bad); } .warn { color: var(--warn); } .good { color: var(--good); } .calm { color: var(--calm); }
.scroll { overflow-x: auto; margin: .75rem 0; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; overflow-wrap: normal; }
th, td { padding: .4rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
th { background: var(--panel); white-space: nowrap; }
td { min-width: 4rem; max-width: 32rem; overflow-wrap: break-word; }
td.long { min-width: 13rem; } td.short { white-space: nowrap; }
.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th button { all: unset; cursor: pointer; font: inherit; }
th button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
th button::after { content: " ↕"; color: var(--soft); }
th[aria-sort=ascending] button::after { content: " ↑"; }
th[aria-sort=descending] button::after { content: " ↓"; }
.chart { padding: .5rem .75rem .75rem; }
.chart .row { margin-top: .55rem; font-size: .85rem; }
.chart svg { display: block; width: 100%; height: 34px; }
.chart text { fill: var(--ink); font: 12px system-ui, "DejaVu Sans", sans-serif; }
.chart .before { fill: var(--before); } .chart .after { fill: var(--after); } .chart .base { fill: var(--panel); }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; vertical-align: baseline; }
.key.before { background: var(--before); } .key.after { background: var(--after); }
@media (max-width: 40rem) {
  body { font-size: 15px; } table { font-size: .82rem; } th, td { padding: .35rem .45rem; } th { white-space: normal; }
  td.long { min-width: 10.5rem; } pre .n { min-width: 2.6em; padding-right: .6em; }
}
@media print {
  :root { --ink: #000; --soft: #444; --paper: #fff; --panel: #f4f4f4; --line: #bbb; --link: #000; --mark: #eee;
    --bad: #8a1a14; --warn: #6b4000; --good: #14552a; --calm: #444; --add: #eee; --del: #ddd;
    --before: #777; --after: #bbb; color-scheme: light; }
  body { font-size: 10pt; } nav { display: none; } header, main { max-width: none; padding: 0; }
  .scroll, figure, details { overflow: visible; } pre { white-space: pre-wrap; } table { font-size: 8pt; }
  th { white-space: normal; } td, td.long { min-width: 0; } td.short { white-space: normal; }
  th button::after { content: "" !important; }
  tr, figure.chart .row { break-inside: avoid; } h2, h3, h4 { break-after: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
"""

SCRIPT: Final = """\
"use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2) continue;
  const key = (row, column) => {
    const cell = row.cells[column], sort = cell.dataset.sort;
    return sort === undefined ? cell.textContent.trim().toLowerCase() : Number(sort);
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending"
        : head.classList.contains("num");
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map(row => [key(row, column), row]);
      rows.sort(([a], [b]) => {
        const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
        return down ? -order : order;
      });
      body.append(...rows.map(([, row]) => row));
    });
  });
}
const reveal = () => {
  let target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", reveal);
addEventListener("click", event => {
  const link = event.target.closest && event.target.closest('a[href^="#"]');
  if (link && link.hash === location.hash) reveal();
});
if (location.hash) reveal();
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const part of closed) part.open = true;
});
addEventListener("afterprint", () => { for (const part of closed) part.open = false; });
"""
