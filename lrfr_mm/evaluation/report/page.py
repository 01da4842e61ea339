"""One self-contained HTML page for one or several runs."""
from __future__ import annotations

from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from lrfr_mm.evaluation.metrics.curve import Curve
from lrfr_mm.evaluation.report.figures import curve_figure
from lrfr_mm.evaluation.report.published import TABLES
from lrfr_mm.evaluation.report.run import SHEET_RESOLUTIONS
from lrfr_mm.files import write_text

__all__ = ['html_page', 'render', 'write_report']

_PAIRS = {'false accept': 'different people, most alike', 'false reject': 'one person, least alike'}


_PACKAGE = 'lrfr_mm.evaluation.report'


def render(template: str, package: str = _PACKAGE, **values) -> str:
    """A template of ``package``, which may extend and include the report's, as text.

    Args:
        template: Name of the file in the package's directory ``templates``.
        package: Name of the package.
        **values: Names of the template; one that is missing is an error.
    """
    packages = dict.fromkeys((package, _PACKAGE))
    environment = Environment(loader=ChoiceLoader([PackageLoader(name) for name in packages]),
                              autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template(template).render(**values)


def html_page(title: str, parts: list[str]) -> str:
    """A self-contained page of the report's look around ``parts``, HTML."""
    return render('page.html', title=title, parts=parts)


def write_report(folder, runs: list[dict]) -> Path:
    """Write ``folder/index.html``.

    Args:
        folder: Made if missing.
        runs: Of ``collect_run``; the first is what the others are compared with, and brings the
            contact sheet.

    Returns:
        Path of the page.
    """
    page = Path(folder) / 'index.html'
    write_text(page, render(
        'report.html', title=' against '.join(run['name'] for run in runs), runs=runs,
        cards=_cards(runs), rows=_rows(runs), published=_published(runs), sections=_sections(runs),
        hardest=_hardest(runs), sizes=SHEET_RESOLUTIONS))
    return page


def _cards(runs: list[dict]) -> list[dict]:
    """The last run's highlights, with the difference to the first where there are several."""
    last, first = runs[-1]['metrics'], runs[0]['metrics']
    cards = []
    for name in runs[-1]['highlights']:
        before = first.get(name) if len(runs) > 1 else None
        change = None if before is None else round(last[name] - before, 1) + 0.
        cards.append(dict(name=name, value=last[name], before=before, change=change))
    return cards


def _rows(runs: list[dict]) -> list[dict]:
    """The table of benchmarks: a row a value, a cell a run."""
    rows: dict[str, dict] = {}
    for run in runs:
        for row in run['rows']:
            if not row['tabulated']:
                rows.setdefault(row['name'], row)
    out, previous = [], None
    for name, row in rows.items():
        known = [run['metrics'][name] for run in runs if name in run['metrics']]
        best = min(known) if row['lower_is_better'] else max(known)
        first = row['benchmark'] != previous
        note = f'{row["protocol"]}; alignment: {row["alignment"]}' if first else ''
        out.append(dict(benchmark=row['benchmark'], metric=row['metric'], note=note,
                        cells=[_cell(run, name, best, len(runs) > 1) for run in runs]))
        previous = row['benchmark']
    return out


def _cell(run: dict, name: str, best: float, several: bool) -> dict | None:
    value = run['metrics'].get(name)
    if value is None:
        return None
    own = next((row for row in run['rows'] if row['name'] == name), {})
    return dict(value=value, best=several and round(value, 2) == round(best, 2),
                std=own.get('std'), interval=tuple(own.get('interval', ())),
                against=run.get('against', {}).get(name))


def _published(runs: list[dict]) -> list[dict]:
    """The published tables of which a run has a column."""
    out = []
    for table in TABLES.values():
        if any(name in run['metrics'] for run in runs for name in table.columns.values()):
            rows = [(name, values, 'p') for name, values in table.rows.items()]
            rows += [(run['name'], [run['metrics'].get(m) for m in table.columns.values()], '')
                     for run in runs]
            out.append(dict(title=table.title, note=table.note, columns=list(table.columns),
                            rows=rows))
    return out


def _sections(runs: list[dict]) -> list[dict]:
    """All curves by their section, in the order in which the metrics gave them."""
    found: dict[str, dict[str, list[tuple[str, Curve]]]] = {}
    for run in runs:
        for data in run['curves']:
            curve = Curve.from_dict(data)
            found.setdefault(curve.section, {}).setdefault(curve.title, []).append(
                (run['name'], curve))
    return [_section(heading, plots) for heading, plots in found.items()]


def _section(heading: str, plots: dict[str, list[tuple[str, Curve]]]) -> dict:
    drawn, tables = [], []
    for title, curves in plots.items():
        if any(line.label for line in curves[0][1].lines):  # a legend of its own: a plot a run
            drawn += [(f'{title}, {name}', curve_figure([(name, curve)]))
                      for name, curve in curves]
        else:
            drawn.append((title, curve_figure(curves)))
        if curves[0][1].table:
            tables.append(_curve_table(title, curves))
    # What has tables is the overview and stands before the table of benchmarks.
    return dict(heading=heading, plots=drawn, tables=tables, first=bool(tables))


def _curve_table(title: str, curves: list[tuple[str, Curve]]) -> dict:
    """Values of a curve as a table: a row a run, a column for each x of the first."""
    first = curves[0][1]
    columns = first.lines[0].x
    values = [(name, dict(zip(curve.lines[0].x, curve.lines[0].y, strict=True)))
              for name, curve in curves]
    best = [max(found.get(x, float('-inf')) for _, found in values) for x in columns]
    rows = [(name, [found.get(x) for x in columns],
             [len(curves) > 1 and found.get(x) == top
              for x, top in zip(columns, best, strict=True)]) for name, found in values]
    unit = first.x_axis.label.rpartition(', ')[2]
    return dict(title=title, unit=first.y_axis.label, columns=[f'{x:g} {unit}' for x in columns],
                rows=rows, note=first.note,
                others=[(line.label.removesuffix(' (right)'), line.y)
                        for line in first.right_lines])


def _hardest(runs: list[dict]) -> list[tuple[str, list[tuple[str, list[dict]]]]]:
    """Of each run, the hardest pairs by benchmark and kind."""
    out = []
    for run in runs:
        groups: dict[str, list[dict]] = {}
        for item in run['hardest']:
            groups.setdefault(f'{item["benchmark"]}: {_PAIRS[item["kind"]]}', []).append(item)
        if groups:
            out.append((run['name'], list(groups.items())))
    return out
