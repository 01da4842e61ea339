"""One self-contained HTML page for one or several runs."""
from __future__ import annotations

from html import escape
from pathlib import Path

from lrfr_mm.evaluation.report.figures import (
    accuracy_figure,
    histogram_figure,
    open_set_figure,
    rank_figure,
    roc_figure,
)
from lrfr_mm.evaluation.report.published import TABLES
from lrfr_mm.evaluation.report.run import SHEET_RESOLUTIONS
from lrfr_mm.files import write_text

__all__ = ['html_page', 'write_report']

_CSS = """
:root{--ink:#202124;--soft:#5f6368;--line:#e8eaed;--accent:#1f6feb}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;
color:var(--ink);background:#f6f7f9;margin:0}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:0 0 12px}
h3{font-size:14px;margin:0 0 6px;color:var(--soft);font-weight:600}
p{margin:0 0 12px;color:var(--soft)}
section{background:#fff;border:1px solid var(--line);border-radius:10px;padding:22px;margin:18px 0}
.cards{display:flex;flex-wrap:wrap;gap:14px}
.card{flex:1 1 190px;border:1px solid var(--line);border-radius:8px;padding:12px 16px}
.card b{display:block;font-size:25px;font-variant-numeric:tabular-nums}
.card small{color:var(--soft)}
.wrap{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line);
vertical-align:top}th{font-size:12px;color:var(--soft);font-weight:600}
td.n,th.n{text-align:right;white-space:nowrap}td.best{font-weight:700}
td small{font-weight:400;color:var(--soft)}
td.p{color:var(--soft);font-size:13px}tr.first td{border-top:1px solid #c9ccd1}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:22px}
.grid.three{grid-template-columns:repeat(auto-fit,minmax(290px,1fr))}
svg{max-width:100%;height:auto}
.sheet{display:grid;grid-template-columns:max-content 1fr;column-gap:10px}
.sheet div{display:grid;grid-template-rows:repeat(5,1fr);font-size:12px;color:var(--soft);
text-align:right}.sheet span{align-self:center}.sheet img{width:100%;image-rendering:auto}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(172px,1fr));gap:14px;
margin-bottom:16px}.card small{overflow-wrap:anywhere}
.pairs small{color:var(--soft);overflow-wrap:anywhere}h2{overflow-wrap:anywhere}
h3.gap{margin-top:22px}p.note{font-size:13px;margin:6px 0 0}
details pre{overflow:auto;max-height:480px;background:#f6f7f9;padding:14px;border-radius:8px;
font-size:12.5px}summary{cursor:pointer}
"""


def html_page(title: str, parts: list[str]) -> str:
    """A self-contained page of the report's look around ``parts``, HTML."""
    return ('<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<title>{escape(title)}</title><style>{_CSS}</style></head><body><main>'
            + ''.join(parts) + '</main></body></html>')


def write_report(folder, runs: list[dict]) -> Path:
    """Write ``folder/index.html``.

    Args:
        folder: Made if missing.
        runs: Of ``collect_run``; the first is what the others are compared with, and brings the
            contact sheet.

    Returns:
        Path of the page.
    """
    title = ' against '.join(run['name'] for run in runs)
    parts = [f'<h1>{escape(title)}</h1><p>Face recognition from 7 to 112 px: test report.</p>',
             _cards(runs), _accuracy(runs), _table(runs), _published(runs), _pairs(runs),
             _identification(runs), _hardest(runs), _sheet(runs[0]), _details(runs)]
    page = Path(folder) / 'index.html'
    write_text(page, html_page(title, parts))
    return page


def _names(runs: list[dict], key: str) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run[key]))


def _cards(runs: list[dict]) -> str:
    """The last run's accuracies, with the difference to the first where there are several."""
    cards = []
    last, first = runs[-1]['metrics'], runs[0]['metrics']
    wanted = [row['name'] for row in runs[-1]['rows'] if row['metric'] == 'accuracy'][:3]
    for sweep in runs[-1]['sweeps'].values():
        sizes = sweep['resolutions']
        prefix = next(n for n, s in runs[-1]['sweeps'].items() if s is sweep)
        wanted += [f'{prefix}/accuracy@{sizes[0]}']
    for name in wanted:
        change = ''
        if len(runs) > 1 and name in first:
            change = (f'{round(last[name] - first[name], 1) + 0.:+.1f} points against '
                      f'{escape(runs[0]["name"])} ({first[name]:.1f})')
        cards.append(f'<div class="card"><small>{escape(name)}</small><b>{last[name]:.1f} %</b>'
                     f'<small>{change}</small></div>')
    heading = f'<h2>{escape(runs[-1]["name"])}</h2>'
    return f'<section>{heading}<div class="cards">{"".join(cards)}</div></section>' if cards else ''


def _accuracy(runs: list[dict]) -> str:
    titles = {'sweep': 'both images of a pair degraded', 'cross': 'one image of a pair degraded'}
    cells, tables = [], []
    for sweep in _names(runs, 'sweeps'):
        data = next(run['sweeps'][sweep] for run in runs if sweep in run['sweeps'])
        text = f'{data["benchmark"]}: {titles.get(sweep, sweep)}'
        cells.append(f'<div><h3>{escape(text)}</h3>{accuracy_figure(runs, sweep)}</div>')
        tables.append(_sweep_table(runs, sweep, text))
    if not cells:
        return ''
    return ('<section><h2>Accuracy against resolution</h2>'
            f'<div class="grid">{"".join(cells)}</div>{"".join(tables)}</section>')


def _sweep_table(runs: list[dict], sweep: str, title: str) -> str:
    """A row a run, a column a resolution."""
    have = [run for run in runs if sweep in run['sweeps']]
    sizes = have[0]['sweeps'][sweep]['resolutions']
    best = [max(run['metrics'].get(f'{sweep}/accuracy@{size}', 0) for run in have)
            for size in sizes]
    body = []
    for run in have:
        cells = []
        for size, top in zip(sizes, best, strict=True):
            value = run['metrics'].get(f'{sweep}/accuracy@{size}')
            mark = ' best' if len(have) > 1 and value == top else ''
            cells.append('<td class="n">–</td>' if value is None
                         else f'<td class="n{mark}">{value:.2f}</td>')
        body.append(f'<tr><td>{escape(run["name"])}</td>{"".join(cells)}</tr>')
    ssim = have[0]['sweeps'][sweep].get('ssim')
    if ssim:
        body.append('<tr><td class="p">mean SSIM</td>'
                    + ''.join(f'<td class="n p">{value:.2f}</td>' for value in ssim) + '</tr>')
    head = ''.join(f'<th class="n">{size} px</th>' for size in sizes)
    protocol = next(row['protocol'] for row in have[0]['rows'] if row['benchmark'] == sweep)
    return (f'<h3 class="gap">{escape(title)}: accuracy, %</h3><div class="wrap"><table><thead><tr>'
            f'<th></th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
            f'<p class="note">{escape(protocol)}</p>')


def _table(runs: list[dict]) -> str:
    rows: dict[str, dict] = {}
    for run in runs:
        for row in run['rows']:
            if row['benchmark'] not in run['sweeps']:
                rows.setdefault(row['name'], row)
    head = ''.join(f'<th class="n">{escape(run["name"])}</th>' for run in runs)
    body, previous = [], None
    for name, row in rows.items():
        values = [run['metrics'].get(name) for run in runs]
        known = [v for v in values if v is not None]
        best = min(known) if row['metric'] == 'eer' else max(known)
        cells = []
        for run, value in zip(runs, values, strict=True):
            if value is None:
                cells.append('<td class="n">–</td>')
                continue
            own = next((r for r in run['rows'] if r['name'] == name), {})
            mark = ' best' if len(runs) > 1 and round(value, 2) == round(best, 2) else ''
            spread = f' <small>± {own["std"]:.2f}</small>' if 'std' in own else ''
            if 'interval' in own:
                low, high = own['interval']
                spread += f'<br><small>{low:.1f} to {high:.1f}</small>'
            if name in run.get('against', {}):
                spread += f'<br><small>{escape(run["against"][name])}</small>'
            cells.append(f'<td class="n{mark}">{value:.2f}{spread}</td>')
        first = row['benchmark'] != previous
        note = f'{row["protocol"]}; alignment: {row["alignment"]}' if first else ''
        body.append(f'<tr{" class=first" if first else ""}>'
                    f'<td>{escape(row["benchmark"]) if first else ""}</td>'
                    f'<td>{escape(row["metric"])}</td>{"".join(cells)}'
                    f'<td class="p">{escape(note)}</td></tr>')
        previous = row['benchmark']
    return ('<section><h2>Benchmarks</h2><p>Percent; ± is the standard deviation over folds, '
            '"to" the 95 % bootstrap interval. With several runs, the difference to the first and '
            'its p-value (paired bootstrap over the same items).</p>'
            '<div class="wrap"><table><thead><tr><th>benchmark</th><th>metric</th>'
            f'{head}<th>protocol</th></tr></thead><tbody>{"".join(body)}</tbody></table></div>'
            '</section>')


def _pairs(runs: list[dict]) -> str:
    blocks = []
    for pairs in _names(runs, 'pairs'):
        cells = [f'<div><h3>ROC</h3>{roc_figure(runs, pairs)}</div>']
        cells += [f'<div><h3>similarities, {escape(run["name"])}</h3>'
                  f'{histogram_figure(run, pairs)}</div>' for run in runs if pairs in run['pairs']]
        blocks.append(f'<section><h2>{escape(pairs)}</h2><div class="grid three">{"".join(cells)}'
                      '</div></section>')
    return ''.join(blocks)


def _published(runs: list[dict]) -> str:
    out = []
    for table in TABLES.values():
        if not any(name in run['metrics'] for run in runs for name in table.columns.values()):
            continue
        rows = [(name, [None if v is None else f'{v:.2f}' for v in values], 'p')
                for name, values in table.rows.items()]
        rows += [(run['name'], [f'{run["metrics"][m]:.2f}' if m in run['metrics'] else None
                                for m in table.columns.values()], '') for run in runs]
        body = ''.join(
            f'<tr><td class="{kind}">{escape(name)}</td>'
            + ''.join(f'<td class="n {kind}">{value or "–"}</td>' for value in values) + '</tr>'
            for name, values, kind in rows)
        head = ''.join(f'<th class="n">{escape(column)}</th>' for column in table.columns)
        out.append(f'<section><h2>{escape(table.title)}</h2><p>Published rows in grey, ours in '
                   f'black. {escape(table.note)}</p><div class="wrap"><table><thead><tr><th></th>'
                   f'{head}</tr></thead><tbody>{body}</tbody></table></div></section>')
    return ''.join(out)


def _identification(runs: list[dict]) -> str:
    cells = []
    for name in dict.fromkeys(n for run in runs for n in run.get('cmc', {})):
        cells.append(f'<div><h3>{escape(name)}: CMC</h3>{rank_figure(runs, name)}</div>')
    for name in dict.fromkeys(n for run in runs for n in run.get('tpir', {})):
        cells.append(f'<div><h3>{escape(name)}: open set</h3>{open_set_figure(runs, name)}</div>')
    if not cells:
        return ''
    return ('<section><h2>Identification</h2><div class="grid three">' + ''.join(cells)
            + '</div></section>')


def _hardest(runs: list[dict]) -> str:
    out = []
    for run in runs:
        blocks = []
        for name in dict.fromkeys(item['benchmark'] for item in run.get('hardest', [])):
            for kind in ('false accept', 'false reject'):
                cells = [
                    '<div>' + ''.join(f'<img alt="" width="80" height="80" '
                                      f'src="data:image/jpeg;base64,{image}">'
                                      for image in item['images'])
                    + f'<br><small>{item["score"]:.3f}</small></div>'
                    for item in run['hardest'] if item['benchmark'] == name
                    and item['kind'] == kind]
                title = {'false accept': 'different people, most alike',
                         'false reject': 'one person, least alike'}[kind]
                blocks.append(f'<h3>{escape(name)}: {title}</h3>'
                              f'<div class="pairs">{"".join(cells)}</div>')
        if blocks:
            out.append(f'<section><h2>The hardest pairs, {escape(run["name"])}</h2>'
                       + ''.join(blocks) + '</section>')
    return ''.join(out)


def _sheet(run: dict) -> str:
    if not run.get('sheet'):
        return ''
    labels = ''.join(f'<span>{r} px</span>' for r in SHEET_RESOLUTIONS)
    return ('<section><h2>The views</h2><p>Faces of the benchmark as the network sees them: shrunk '
            'to a resolution and enlarged again, bicubic.</p><div class="sheet">'
            f'<div>{labels}</div><img alt="faces at several resolutions" '
            f'src="data:image/png;base64,{run["sheet"]}"></div></section>')


def _details(runs: list[dict]) -> str:
    out = []
    for run in runs:
        about = ', '.join(f'{k} {v}' for k, v in run['versions'].items())
        out.append(f'<section><h2>{escape(run["name"])}: how it was made</h2>'
                   f'<p>checkpoint {escape(run["checkpoint"] or "none")}, seed {run["seed"]}<br>'
                   f'{escape(about)}</p><details><summary>Config</summary>'
                   f'<pre>{escape(run["config"])}</pre></details></section>')
    return ''.join(out)
