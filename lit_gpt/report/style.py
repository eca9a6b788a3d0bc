"""The look of every report: one style sheet, light and dark, from a phone of 360 pixels to a desk, and on paper.

Colours follow Okabe and Ito, "Color Universal Design" (2008), which people who do not see all colours can tell apart;
darker or lighter where a page needs it. Text keeps a contrast of 4.5 to 1 (WCAG 2.2 AA). Nothing is said by colour
alone.
"""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #fdfdfb; --ink: #1d2125; --soft: #565d65; --rule: #dcdcd6; --faint: #ecece7; --panel: #f5f5f1;
  --link: #0a5c99; --first: #6a7179; --second: #0072b2; --third: #a8460a; --warm: #c24e00; --right: #00634a;
  --wrong: #a8330b; --mark: #fdeab3; --mark-line: #a87900; --shade: #1d212533;
  --serif: Charter, "Bitstream Charter", "Iowan Old Style", "Source Serif 4", "Noto Serif", Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --ink: #e7e7e3; --soft: #a7adb4; --rule: #373c42; --faint: #24282d; --panel: #1c2024;
    --link: #82c4f2; --first: #a3a9b0; --second: #56b4e9; --third: #e9a15b; --warm: #f2a14a; --right: #5ecfa8;
    --wrong: #ff9d78; --mark: #4d3d0c; --mark-line: #d9ac2e; --shade: #000000b3;
  }
}
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 var(--sans); }
.layout { max-width: 78rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header, main, footer { min-width: 0; max-width: 54rem; }
h1, h2, h3 { font-family: var(--serif); line-height: 1.2; text-wrap: balance; overflow-wrap: anywhere; }
h1 { font-size: clamp(1.9rem, 1.3rem + 2.4vw, 2.75rem); font-weight: 600; margin: 0 0 1.25rem; }
h2 { font-size: 1.55rem; font-weight: 600; margin: 0 0 1rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.15rem; font-weight: 600; margin: 2.25rem 0 .75rem; }
.number { color: var(--soft); font-weight: 400; margin-right: .35em; }
section { margin-top: 3.5rem; }
p { margin: 0 0 1rem; max-width: 44rem; }
a { color: var(--link); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.kicker { margin: 0 0 .5rem; color: var(--soft); font-size: .875rem; letter-spacing: .02em; overflow-wrap: anywhere; }
.lede { font: 1.2rem/1.5 var(--serif); overflow-wrap: anywhere; }
.soft, .note { color: var(--soft); }
.note { font-size: .875rem; line-height: 1.5; overflow-wrap: anywhere; }
.missing { color: var(--soft); border-left: 3px solid var(--rule); padding: .25rem .9rem; overflow-wrap: anywhere; }
.missing strong { color: var(--ink); }
.careful { border-left: 3px solid var(--warm); padding: .25rem 0 .25rem .9rem; margin: 0 0 1.5rem; max-width: 44rem; }
.careful ul { margin: .25rem 0 0; padding-left: 1.1rem; } .careful li { overflow-wrap: anywhere; }
.contents { font-size: .875rem; line-height: 1.45; margin: 2rem 0 0; }
.contents p { margin: 0 0 .4rem; color: var(--soft); }
.contents ol { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .35rem 1.1rem; }
.contents a { text-decoration: none; display: inline-block; padding: .2rem 0; }
.contents a:hover { text-decoration: underline; }
@media (min-width: 68rem) {
  .layout { display: grid; grid-template-columns: 11rem minmax(0, 54rem); column-gap: 4rem; padding-top: 4rem; }
  header, main, footer { grid-column: 2; }
  .contents { grid-column: 1; grid-row: 1 / span 3; position: sticky; top: 2rem; align-self: start; }
  .contents { margin: .35rem 0 0; }
  .contents ol { display: block; border-left: 1px solid var(--rule); padding-left: .9rem; }
}

/* the headline figures */
.figures { display: flex; flex-wrap: wrap; align-items: flex-end; gap: 1.25rem 2.5rem; margin: 0 0 1.5rem; }
.figure-value { display: block; font: 600 clamp(2.4rem, 1.6rem + 3.6vw, 3.6rem)/1 var(--serif); }
.figure-name { display: block; color: var(--soft); font-size: .875rem; line-height: 1.4; margin-top: .5rem; }
.figures .main .figure-value { color: var(--second); }
.figure-unit { font-size: .45em; font-weight: 400; margin-left: .2em; }

/* names and values */
.pairs { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .9rem 2rem; }
.pairs { margin: 0 0 1.5rem; }
.pairs dt { color: var(--soft); font-size: .8125rem; }
.pairs dd { margin: 0; overflow-wrap: anywhere; }

/* tables scroll in their own box */
/* a shadow on a side says that there is more that way (Lea Verou and Roman Komarov, 2012) */
.scroll { overflow-x: auto; margin: 0 0 1.5rem; background:
  linear-gradient(90deg, var(--paper) 30%, transparent) 0 0 / 2.5rem 100% no-repeat local,
  linear-gradient(270deg, var(--paper) 30%, transparent) 100% 0 / 2.5rem 100% no-repeat local,
  linear-gradient(90deg, var(--shade), transparent) 0 0 / .8rem 100% no-repeat scroll,
  linear-gradient(270deg, var(--shade), transparent) 100% 0 / .8rem 100% no-repeat scroll; }
table { border-collapse: collapse; min-width: min(100%, 26rem); font-size: .9rem; line-height: 1.4; }
table { font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: .875rem; padding: 0 0 .6rem; }
th, td { text-align: left; vertical-align: baseline; padding: .45rem 1.25rem .45rem 0; }
thead th { font-weight: 400; color: var(--soft); border-bottom: 1px solid var(--soft); vertical-align: bottom; }
tbody th { font-weight: 400; min-width: 8.5rem; }
tbody tr + tr > * { border-top: 1px solid var(--faint); }
tbody tr.total > * { font-weight: 650; border-top: 1px solid var(--rule); }
th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; white-space: nowrap; }
td code { white-space: nowrap; }

/* charts */
figure { margin: 0 0 2rem; }
.multiples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 0 2rem; }
figcaption { margin: 0 0 .6rem; line-height: 1.4; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin: .35rem 0 0; font-size: .875rem; max-width: none; }
.legend svg { vertical-align: -1px; }
.plot-box { padding: .4rem .75rem 2.1rem 3.25rem; }
svg.plot { display: block; overflow: visible; }
svg text { font: .8125rem var(--sans); fill: var(--soft); font-variant-numeric: tabular-nums; }
.y-tick { text-anchor: end; } .x-tick { text-anchor: middle; }
.y-title, .x-title { color: var(--soft); font-size: .8125rem; margin: 0 0 .3rem; max-width: none; }
.x-title { text-align: right; padding-right: .75rem; margin: 0; }
.grid { stroke: var(--faint); } .axis { stroke: var(--soft); }
.axis.tick { transform: translateY(5px); stroke-width: 1; }
path.line-a, line.line-a { fill: none; stroke: var(--second); stroke-width: 1.25; }
path.line-b, line.line-b { fill: none; stroke: var(--warm); stroke-width: 2.5; stroke-dasharray: 7 4; }
path { vector-effect: non-scaling-stroke; stroke-linejoin: round; }
circle.line-a { fill: var(--second); } circle.line-b { fill: var(--warm); stroke: var(--paper); stroke-width: 1; }
.moment { stroke: var(--soft); stroke-dasharray: 2 3; } .mark .late { text-anchor: end; }
.intervals { font-size: .9rem; line-height: 1.3; }
.interval-row { display: grid; align-items: center; column-gap: 1.25rem; }
.interval-row { grid-template-columns: minmax(0, 12rem) minmax(0, 1fr) 8.5rem; }
.axis-row > svg { grid-column: 2; }
.interval-label { overflow-wrap: anywhere; padding-left: .9rem; }
.interval-values { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.whole { white-space: nowrap; }
.interval-row.total { border-top: 1px solid var(--rule); }
.interval-row.total > .interval-label { padding-left: 0; }
.interval-row.total > :not(svg) { font-weight: 650; }
svg.interval-plot { display: block; overflow: visible; }
.series-0 { stroke: var(--first); fill: var(--paper); } .series-1 { stroke: var(--second); fill: var(--second); }
.series-2 { stroke: var(--third); fill: var(--third); }
[class^="series-"] { stroke-width: 2; }

.x-first { text-anchor: start; } .x-last { text-anchor: end; }
.bars-0 { fill: var(--second); opacity: .45; } .bars-1 { fill: none; stroke: var(--warm); stroke-width: 2; }
svg.map { display: block; background: var(--panel); height: auto; }
.point { fill: none; stroke: var(--warm); stroke-width: 1.5; opacity: .65; pointer-events: all; }
.point.kept { fill: var(--second); stroke: var(--paper); opacity: .9; }

/* funnel */
.funnel { list-style: none; margin: 0 0 2rem; padding: 0; font-size: .9375rem; font-variant-numeric: tabular-nums; }
.stage-words { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1.5rem; }
.stage-words > span + span { color: var(--soft); font-size: .875rem; }
.bar { height: .9rem; background: var(--faint); margin: .3rem 0 0; }
.fill { display: block; height: 100%; min-width: 1px; background: var(--second); }
.lost { border-left: 2px solid var(--rule); margin: .35rem .9rem; padding: .25rem .9rem; font-size: .875rem; }
.lost ul { list-style: none; margin: 0; padding: 0; }
.lost.none { color: var(--soft); }

/* texts of the data and of the model */
code, pre, .verbatim { font-family: var(--mono); font-size: .8125rem; line-height: 1.55; }
pre { margin: 0 0 1rem; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
pre.text { background: var(--panel); padding: .9rem 1rem; }
.verbatim { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
mark { background: var(--mark); color: inherit; border-bottom: 2px solid var(--mark-line); padding: .05em 0; }
.commands { border: 1px solid var(--rule); padding: .75rem 1rem; }
.commands code { display: block; -webkit-user-select: all; user-select: all; }
.commands code + code { margin-top: .5rem; }
.answers { display: grid; gap: 1.75rem; margin: 0 0 2rem; }
.answer { border-top: 1px solid var(--rule); padding-top: .75rem; }
.answer .verbatim { display: block; }
.answer > p { margin: 0 0 .5rem; }
.answer > dl { display: grid; grid-template-columns: minmax(0, 11fr) minmax(0, 9fr); gap: 0 2.5rem; margin: 0; }
.answer > dl > div { display: flow-root; } .answer > dl > div:first-child { grid-row: 1 / span 3; }
.answer dt { color: var(--soft); font-size: .8125rem; }
.answer dd { margin: 0 0 .6rem; min-width: 0; }
.sides { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 2.5rem; }
.sides h3 { margin-top: .5rem; }
.row-shown { border-top: 1px solid var(--rule); padding: .6rem 0 .9rem; }
.row-shown > p { margin: 0 0 .3rem; } .row-shown dl { margin: 0; }
.row-shown dt { color: var(--soft); font-size: .8125rem; }
.row-shown dd { margin: 0 0 .5rem; min-width: 0; overflow-wrap: anywhere; }
.evidence { margin: 0; padding-left: 1.1rem; }
.right, .wrong { font-size: .8125rem; font-weight: 650; white-space: nowrap; }
.right { color: var(--right); } .wrong { color: var(--wrong); }
details { margin: 0 0 1rem; } summary { cursor: pointer; color: var(--link); padding: .25rem 0; }
details[open] > summary { margin-bottom: .5rem; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
footer { color: var(--soft); font-size: .875rem; }

@media (min-width: 40rem) { header .pairs { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
@media (max-width: 40rem) {
  .layout { padding: 1.5rem 1rem 3rem; }
  .interval-row { grid-template-columns: minmax(0, 1fr) auto; row-gap: .1rem; padding-top: .55rem; }
  .interval-row > svg { grid-column: 1 / -1; grid-row: 2; width: calc(100% - 1rem); margin: 0 .5rem; }
  .axis-row > svg { grid-row: 1; }
  .interval-label { padding-left: 0; }
  .answer > dl { grid-template-columns: minmax(0, 1fr); }
  .sides { grid-template-columns: minmax(0, 1fr); }
  .answer > dl > div:first-child { grid-row: auto; }
  .plot-box { padding-left: 2.75rem; }
}
@media print {
  .contents { display: none; } .layout { display: block; padding: 0; } figure, .answer { break-inside: avoid; }
  body { font-size: 10pt; } .scroll { overflow: visible; }
}
"""
