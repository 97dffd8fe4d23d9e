"""How the HTML form of a plan looks: on a screen, light or dark, on a telephone, and on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2024; --dim: #5d666f; --line: #dfe3e8; --panel: #f6f8fa;
  --link: #0b5cad; --high: #b3261e; --high-panel: #fdf0ef; --notice: #7a5300; --notice-panel: #fdf6e3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --ink: #e3e6ea; --dim: #9aa4af; --line: #2f353d; --panel: #1d2127;
    --link: #7ab7f5; --high: #ff9a91; --high-panel: #331a19; --notice: #e8bf62; --notice-panel: #2c2412;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif;
  overflow-wrap: anywhere;
}
h1, h2, h3 { line-height: 1.25; margin: 0; font-weight: 650; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; }
p { margin: .5rem 0; }
a { color: var(--link); text-decoration-thickness: .06em; text-underline-offset: .15em; }
code, pre {
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  font-size: .875em; tab-size: 4;
}
pre {
  margin: .25rem 0; padding: .6rem .8rem; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere;
}
pre code { font-size: inherit; }
.summary { font-size: 1.1rem; margin: .5rem 0 0; }
.needs { margin: 1rem 0 0; padding: .75rem 1rem; border-left: 4px solid var(--high);
  background: var(--high-panel); border-radius: 0 6px 6px 0; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1rem; margin: .75rem 0; }
dt { color: var(--dim); }
dd { margin: 0; }
.facts { margin-top: 1.25rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; }
th { color: var(--dim); font-weight: 500; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { border-bottom: 1px solid var(--line); }
td { overflow-wrap: break-word; }
td.number, th.number { text-align: right; }
td.time { white-space: nowrap; }
.code { display: inline-block; white-space: nowrap; font-size: .8125rem; line-height: 1.35; padding: 0 .45em;
  border: 1px solid; border-radius: 4px; margin: .1rem .15rem .1rem 0; }
.high { color: var(--high); background: var(--high-panel); }
.notice { color: var(--notice); background: var(--notice-panel); }
.hazard { margin: 1rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-left: 4px solid;
  border-radius: 0 6px 6px 0; }
.hazard.high { border-left-color: var(--high); background: none; color: inherit; }
.hazard.notice { border-left-color: var(--notice); background: none; color: inherit; }
.hazard h3 a, .statement h3 { font-weight: 500; }
.remedy { border: 0; margin: .5rem 0; }
.remedy summary { padding: 0; }
.step { color: var(--dim); font-size: .875rem; margin: .5rem 0 .1rem; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .75rem 0; }
summary { cursor: pointer; padding: .6rem 1rem; }
summary .manner { display: block; color: var(--dim); font-size: .9rem; }
.inside { padding: 0 1rem .75rem; }
.statement { padding: .9rem 0 .1rem; border-top: 1px solid var(--line); }
.statement > dl { font-size: .9375rem; }
.statement:target, details:target { outline: 2px solid var(--link); outline-offset: 2px; }
.size { color: var(--dim); }
@media (max-width: 40rem) {
  body { padding: 1.25rem .9rem 3rem; }
  .facts, .statement > dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts dt, .statement > dl > dt { margin-top: .4rem; font-size: .8125rem; }
  .wide, thead { display: none; }
  tr { display: grid; grid-template-columns: 2.2rem minmax(0, 1fr) max-content; gap: 0 .6rem;
    padding: .5rem 0; border-bottom: 1px solid var(--line); }
  td { border: 0; padding: 0; }
  td.message, td.hazards { grid-column: 2 / -1; }
  td.time { grid-row: 1; grid-column: 3; color: var(--dim); }
  td.number { color: var(--dim); }
}
@media print {
  :root {
    --paper: #fff; --ink: #000; --dim: #444; --line: #bbb; --panel: #fff; --link: #000; --high: #8f1d17;
    --high-panel: #fff; --notice: #5c3f00; --notice-panel: #fff;
  }
  html { font-size: 10pt; }
  body { max-width: none; padding: 0; }
  a { text-decoration: none; }
  h2, h3, summary { break-after: avoid; }
  tr, .hazard, .statement { break-inside: avoid; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  details { border: 0; }
  summary { padding-left: 0; list-style: none; }
  .inside { padding-left: 0; }
}
"""
