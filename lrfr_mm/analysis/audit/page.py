"""The audit as one HTML page."""
from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputError, InputMissingError, reading
from lrfr_mm.evaluation.report import render
from lrfr_mm.evaluation.report.figures import bars_figure
from lrfr_mm.files import write_text

__all__ = ['write_audit']

_SHOWN = 24  # pairs of each kind


def write_audit(path, source: FaceSource, summary: dict) -> Path:
    """Write the page of ``summary`` (of ``summarise``) to ``path``; returns the path."""
    copies = [(heading, [_pair(source, example) for example in summary[key]['examples'][:_SHOWN]])
              for key, heading in (('exact_duplicates', 'Exact copies'),
                                   ('near_duplicates', 'Near copies'))]
    write_text(path, render(
        'audit.html', 'lrfr_mm.analysis.audit', title=summary['source'], cards=_cards(summary),
        plots=_plots(summary), findings=_findings(summary), copies=copies,
        shared=summary.get('shared')))
    return Path(path)


def _cards(s: dict) -> list[tuple[str, str, str]]:
    people = s['images_per_person']
    return [
        ('images', f'{s["images"]:,}', f'{s["unreadable"]["count"]:,} unreadable'),
        ('people', f'{s["people"]:,}', f'{s["one_image"]:,} with one image'),
        ('images of a person', f'{people.get("median", 0):.0f}',
         f'median; {people.get("least", 0):.0f} to {people.get("most", 0):.0f}'),
        ('detail, median', f'{s["detail"].get("median", 0):.0f} px',
         f'{100 * s["enlarged"]["below_32"] / max(s["images"], 1):.1f} % below 32 px'),
        ('exact copies', f'{s["exact_duplicates"]["images"]:,}',
         f'{s["exact_duplicates"]["across_people"]:,} under two labels'),
        ('near copies', f'{s["near_duplicates"]["pairs"]:,}',
         f'{s["near_duplicates"]["across_people"]:,} under two labels')]


def _plots(s: dict) -> list[tuple[str, str]]:
    edges = np.array([*range(0, 120, 8), 120, 128])
    return [
        ('images of a person', bars_figure(s['per_person_histogram'],
                                           np.array(s['per_person_bins']), 'images', 'people',
                                           log=True)),
        ('detail', bars_figure(s['detail_histogram'], edges, 'px', 'images')),
        ('brightness', bars_figure(s['brightness_histogram'], np.linspace(0, 256, 33),
                                   'mean grey level', 'images'))]


def _findings(s: dict) -> list[tuple[str, int, str]]:
    outside, unreadable = s['labels_out_of_range'], s['unreadable']
    return [
        ('labels out of range', outside['count'], f'labels outside 0 to {s["num_classes"] - 1}: '
         + ('; '.join(f'{e["name"]}: {e["label"]}' for e in outside['examples'][:10]) or 'none')),
        ('label gaps', s['label_gaps']['count'], 'labels below num_classes without an image: '
         + (', '.join(map(str, s['label_gaps']['first'])) or 'none')),
        ('people with one image', s['one_image'], 'they teach nothing about a person'),
        ('unreadable', unreadable['count'],
         '; '.join(f'{e["name"]}: {e["reason"]}' for e in unreadable['examples'][:10])),
        ('sizes', len(s['sizes']),
         ', '.join(f'{e["width"]}x{e["height"]}: {e["images"]:,}' for e in s['sizes']))]


def _pair(source: FaceSource, example: dict) -> dict:
    labels = example['labels']
    return dict(images=[_picture(source, position) for position in example['positions']],
                labels=labels[:1] if labels[0] == labels[1] else labels,
                names=(example['first'], example['second']))


def _picture(source: FaceSource, position: int) -> str | None:
    """A small JPEG in base64; None where the image can no longer be read."""
    try:
        with reading(f'image {position}'):
            data, _ = source.read(position)
            image = data if isinstance(data, np.ndarray) else decode(data, 'pillow')
    except (InputError, InputMissingError):
        return None
    small = cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA)
    return base64.b64encode(cv2.imencode('.jpg', small[..., ::-1])[1]).decode()
