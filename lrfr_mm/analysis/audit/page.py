"""The audit as one HTML page."""
from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import cv2
import numpy as np

from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.evaluation.report.figures import bars_figure
from lrfr_mm.evaluation.report.page import html_page
from lrfr_mm.files import write_text

__all__ = ['write_audit']


def write_audit(path, source: FaceSource, summary: dict) -> Path:
    """Write the page of ``summary`` (of ``summarise``) to ``path``; returns the path."""
    s = summary
    people = s['images_per_person']
    cards = [('images', f'{s["images"]:,}', f'{s["unreadable"]["count"]:,} unreadable'),
             ('people', f'{s["people"]:,}', f'{s["one_image"]:,} with one image'),
             ('images of a person', f'{people.get("median", 0):.0f}',
              f'median; {people.get("least", 0):.0f} to {people.get("most", 0):.0f}'),
             ('detail, median', f'{s["detail"].get("median", 0):.0f} px',
              f'{100 * s["enlarged"]["below_32"] / max(s["images"], 1):.1f} % below 32 px'),
             ('exact copies', f'{s["exact_duplicates"]["images"]:,}',
              f'{s["exact_duplicates"]["across_people"]:,} under two labels'),
             ('near copies', f'{s["near_duplicates"]["pairs"]:,}',
              f'{s["near_duplicates"]["across_people"]:,} under two labels')]
    body = ['<section><h2>' + escape(s['source']) + '</h2><div class="cards">', *(
        f'<div class="card"><small>{escape(name)}</small><b>{value}</b><small>{note}</small></div>'
        for name, value, note in cards), '</div></section>',
        '<section><h2>How much, how sharp, how bright</h2><div class="grid three">',
        *(f'<div><h3>{escape(title)}</h3>{picture}</div>' for title, picture in _figures(s)),
        '</div><p class="note">Detail: the side to which an image could be shrunk without a loss '
        'above 2 grey levels. Many faces of 112 px were enlarged from less.</p></section>']
    body.append(_findings(s))
    for key, title in (('exact_duplicates', 'Exact copies'), ('near_duplicates', 'Near copies')):
        body.append(_pairs(source, title, s[key]['examples'][:24]))
    for key, title in (('shared', 'People of the benchmark in the training set'),):
        if key in s:
            body.append(_shared(title, s[key]))
    write_text(path, html_page('Audit of ' + s['source'], ['<h1>Audit</h1>'
               '<p>What is in a set of faces, and what is wrong with it.</p>', *body]))
    return Path(path)


def _figures(s: dict) -> list[tuple[str, str]]:
    detail = [*range(0, 121, 8)]
    edges = np.array([*detail[:-1], 120, 128])
    return [
        ('images of a person', bars_figure(s['per_person_histogram'],
                                           np.array(s['per_person_bins']), 'images', 'people',
                                           log=True)),
        ('detail', bars_figure(s['detail_histogram'], edges, 'px', 'images')),
        ('brightness', bars_figure(s['brightness_histogram'], np.linspace(0, 256, 33),
                                   'mean grey level', 'images'))]


def _findings(s: dict) -> str:
    rows = [('label gaps', s['label_gaps']['count'],
             'labels below num_classes without an image: ' +
             (', '.join(map(str, s['label_gaps']['first'])) or 'none')),
            ('people with one image', s['one_image'], 'they teach nothing about a person'),
            ('unreadable', s['unreadable']['count'],
             '; '.join(f'{e["name"]}: {e["reason"]}' for e in s['unreadable']['examples'][:10])),
            ('sizes', len(s['sizes']),
             ', '.join(f'{e["width"]}x{e["height"]}: {e["images"]:,}' for e in s['sizes']))]
    body = ''.join(f'<tr><td>{escape(name)}</td><td class="n">{count:,}</td>'
                   f'<td class="p">{escape(note)}</td></tr>' for name, count, note in rows)
    return ('<section><h2>Findings</h2><div class="wrap"><table><tbody>' + body
            + '</tbody></table></div></section>')


def _picture(source: FaceSource, position: int) -> str:
    try:
        image = decode(source.read(position)[0], 'pillow')
    except ValueError:
        return ''
    small = cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA)
    data = base64.b64encode(cv2.imencode('.jpg', small[..., ::-1])[1]).decode()
    return f'<img alt="" width="96" height="96" src="data:image/jpeg;base64,{data}">'


def _pairs(source: FaceSource, title: str, examples: list[dict]) -> str:
    if not examples:
        return f'<section><h2>{escape(title)}</h2><p>None found.</p></section>'
    cells = []
    for e in examples:
        same = e['labels'][0] == e['labels'][1]
        note = f'label {e["labels"][0]}' + ('' if same else f' and {e["labels"][1]}')
        cells.append(f'<div>{_picture(source, e["positions"][0])}'
                     f'{_picture(source, e["positions"][1])}<br><small>{note}<br>'
                     f'{escape(e["first"])}<br>{escape(e["second"])}</small></div>')
    return (f'<section><h2>{escape(title)}</h2><p>Those under two labels first.</p>'
            f'<div class="pairs">{"".join(cells)}</div></section>')


def _shared(title: str, shared: dict) -> str:
    lines = []
    if shared['by_name'] is None:
        lines.append('<p>By name: one of the sets has no names.</p>')
    else:
        lines.append(f'<p>By name: {len(shared["by_name"])}. '
                     f'{escape(", ".join(shared["by_name"][:200]))}</p>')
    if 'by_embedding' in shared:
        lines.append(f'<p>By mean embedding, cosine at least {shared["threshold"]}: '
                     f'{len(shared["by_embedding"])}. '
                     + escape(', '.join(f'{e["test"]} as {e["train"]} ({e["cosine"]:.2f})'
                                        for e in shared['by_embedding'][:200])) + '</p>')
    return f'<section><h2>{escape(title)}</h2>{"".join(lines)}</section>'
