"""Published numbers that ours are read against, percent: of the paper and of others."""
from __future__ import annotations

from dataclasses import dataclass

__all__ = ['ABLATIONS', 'METHOD_ROWS', 'TABLES', 'PublishedTable', 'published_numbers']


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

TABLES = {
    'table1': PublishedTable(
        'Table 1: SCface, rank 1, %', _SCFACE,
        {'DCR': (73.3, 93.5, 98., 88.27), 'TCN': (74.6, 94.9, 98.6, 89.37),
         'DATL': (76.2, 96.9, 98.1, 90.40), 'DAQL': (77.3, 96.6, 98.1, 90.66),
         'RAN': (81.3, 97.8, 98.8, 92.63), 'DDL': (86.8, 98.3, 98.3, 94.47),
         'NPT-Loss': (85.7, 99.1, 99.1, 94.63), 'RPCL-DCR': (90.4, 98., 98., 95.47),
         'QGFace': (92.3, 99.5, 100., 97.27),
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
         'Face Transformer': (99.70, 87.9),
         'octuplet loss, Face Transformer': (99.73, 95.12), 'ST-M2': (95.87, 90.82),
         'ST-M1': (97.30, 90.97),
         'paper, ResNet-34': (99.03, 92.18), 'paper, ResNet-50': (99.40, 94.33)},
        'LFW by the paper\'s own protocol (lrfr), XQLFW by its authors\'.'),
}

# A method's config (configs/methods) to its row in TABLES.
METHOD_ROWS = {
    'arcface': 'ArcFace', 'baseline': 'CosFace, ResNet-34', 'bt_m': 'BT-M', 'daql': 'DAQL',
    'datl': 'DATL', 'dcr': 'DCR', 'ddl': 'DDL', 'face_transformer_p8s8': 'Face Transformer',
    'lrfr': 'paper, ResNet-50', 'magface': 'MagFace', 'npt': 'NPT-Loss',
    'octuplet': 'octuplet loss, Face Transformer', 'ran': 'RAN', 'rpcl': 'RPCL-DCR',
    'st_m1': 'ST-M1', 'st_m2': 'ST-M2', 'tcn': 'TCN'}


def published_numbers(method: str) -> dict[str, float]:
    """What was published of a method: name of our metric to its number, percent.

    Args:
        method: A row of ``TABLES``.
    """
    return {metric: value for table in TABLES.values()
            for metric, value in zip(table.columns.values(), table.rows.get(method, ()),
                                     strict=False) if value is not None}


# SCface rank 1 (d1, d2, d3, mean; not fine-tuned), XQLFW, LFW. Table 5 prints the last two only.
_ABLATION_METRICS = ('scface/d1/rank1', 'scface/d2/rank1', 'scface/d3/rank1', 'scface/mean/rank1',
                     'xqlfw/accuracy', 'lfw/accuracy')


def _ablations(rows: dict[str, tuple]) -> dict[str, dict[str, float]]:
    """Rows of numbers in the order of ``_ABLATION_METRICS`` as metric to row to number."""
    return {metric: {name: numbers[k] for name, numbers in rows.items()
                     if numbers[k] is not None} for k, metric in enumerate(_ABLATION_METRICS)}


# The paper's Tables 4 to 6: table to metric to row (a config of configs/lrfr/ablations) to number.
ABLATIONS = {
    'table4': _ablations({
        'baseline': (40.3, 92.8, 98.5, 77.2, 68.95, 99.42),
        'aug': (71.5, 92.8, 96.3, 86.8, 84.33, 98.65),
        'maug': (67., 95.3, 98., 86.8, 90.89, 98.98),
        'paug_ours1': (60.3, 95.3, 98.8, 84.8, 90.35, 99.02),
        'aug_l1': (67.3, 94.5, 94.8, 85.5, 85.23, 98.57),
        'aug_ours1': (70., 94.8, 96.5, 87.1, 87.78, 98.6),
        'maug_ours1': (73., 96., 98.8, 89.3, 92.18, 99.03),
        'aug_l2': (71.8, 90., 92.8, 84.8, 84.87, 98.5),
        'aug_ours2': (72.5, 92.3, 94.3, 86.3, 86.88, 98.63),
        'maug_ours2': (74., 95.5, 97.8, 89.1, 91.98, 99.08),
    }),
    'table5': _ablations({
        'lambda_0.1': (None, None, None, None, 91.97, 98.86),
        'lambda_1': (None, None, None, None, 92.18, 99.03),
        'lambda_3': (None, None, None, None, 92.25, 98.91),
        'lambda_5': (None, None, None, None, 92.45, 98.89),
        'lambda_7': (None, None, None, None, 92.31, 98.91),
        'lambda_10': (None, None, None, None, 92.17, 98.78),
    }),
    'table6': _ablations({
        'ratio_1_1_0': (73.8, 94., 96.8, 88.2, 92.43, 98.68),
        'ratio_0_1_1': (71.5, 95.8, 98.3, 88.5, 83.52, 99.05),
        'ratio_1_0_1': (65.3, 94.8, 97.8, 86., 90.53, 99.02),
        'ratio_1_1_1': (72.5, 96.5, 98.3, 89.1, 91.45, 98.88),
        'ratio_1_2_1': (72.8, 95., 98., 88.6, 91.68, 98.82),
        'ratio_2_1_1': (72.8, 96.8, 97.3, 88.9, 92.05, 98.75),
        'ratio_1_1_2': (73., 96., 98.8, 89.3, 92.18, 99.03),
    }),
}
