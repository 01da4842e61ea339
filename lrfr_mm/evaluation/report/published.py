"""Published numbers that a table is read against: facts of the paper's Tables 1 to 3, percent."""
from __future__ import annotations

from dataclasses import dataclass

__all__ = ['TABLES', 'PublishedTable']




@dataclass(frozen=True)
class PublishedTable:
    """One table of the paper.

    Attributes:
        title: What it shows.
        columns: Heading of each column to the name of our metric.
        rows: Method to its published numbers, None where there is none.
        note: What a reader must know to compare.
    """

    title: str
    columns: dict[str, str]
    rows: dict[str, tuple]
    note: str


_SCFACE = {'d1 (4.2 m)': 'scface/d1/rank1', 'd2 (2.6 m)': 'scface/d2/rank1',
           'd3 (1.0 m)': 'scface/d3/rank1', 'mean': 'scface/mean/rank1'}
_MEANS = {'DCR': 88.27, 'TCN': 89.37, 'DATL': 90.40, 'DAQL': 90.66, 'RAN': 92.63, 'DDL': 94.47,
          'NPT-Loss': 94.63, 'RPCL-DCR': 95.47}

TABLES = {
    'table1': PublishedTable(
        'Table 1: SCface, rank 1, %', _SCFACE,
        {**{name: (None, None, None, mean) for name, mean in _MEANS.items()},
         'paper, not fine-tuned': (73.0, 96.0, 98.8, 89.27),
         'paper, ResNet-34': (91.8, 99.0, 99.3, 96.67),
         'paper, ResNet-50': (92.5, 99.3, 99.5, 97.08)},
        'The published rows but "not fine-tuned" were fine-tuned on the 50 other people. Each work '
        'draws its own 80.'),
    'table2': PublishedTable(
        'Table 2: TinyFace, 1:N, %',
        {f'rank {k}': f'tinyface/rank{k}' for k in (1, 5, 10, 20)},
        {'CosFace, ResNet-100': (47., 52., None, None), 'URL, ResNet-100': (63., 68., None, None),
         'RPCL, ResNet-34': (32., None, 41., 44.), 'paper, ResNet-34': (39., 46., 50., 54.),
         'paper, ResNet-50': (59., 64., 68., 73.)},
        'Alignment alone moves TinyFace by tens of points: compare only what was aligned alike.'),
    'table3': PublishedTable(
        'Table 3: LFW and XQLFW, accuracy, %',
        {'LFW': 'lfw/accuracy', 'XQLFW': 'xqlfw/accuracy'},
        {'CosFace, ResNet-34': (99.42, 68.95), 'ArcFace': (99.50, 74.22),
         'MagFace': (99.63, 76.95), 'QMagFace': (99.73, 80.63), 'BT-M': (99.30, 83.6),
         'Face Transformer': (99.70, 87.9), 'ST-M2': (95.87, 90.82), 'ST-M1': (97.30, 90.97),
         'paper, ResNet-34': (99.03, 92.18), 'paper, ResNet-50': (99.40, 94.33)},
        'LFW by the paper\'s own protocol (lrfr), XQLFW by its authors\'.'),
}
