"""Measure this machine: python tools/benchmark.py PART [--json FILE]."""
import argparse
import json
from dataclasses import asdict
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

from lrfr_mm.analysis.benchmark import (
    benchmark_chain,
    benchmark_data,
    benchmark_evaluation,
    benchmark_gallery,
    benchmark_head,
    benchmark_run,
    benchmark_serve,
    benchmark_step,
    benchmark_views,
    compare_steps,
    machine,
    results_table,
)
from lrfr_mm.analysis.benchmark.gpu import PARTS, benchmark_gpu
from lrfr_mm.cli.common import add_detector_arguments, add_model_arguments, load_inferencer
from lrfr_mm.datasets.image_files import find_images
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.config import load_config
from lrfr_mm.files import write_text


def data(args):
    """The path of a sample on one core, from every source."""
    return benchmark_data(args.images, args.folder)


def views(args):
    """LR views of a batch, by method."""
    return benchmark_views(args.images, args.device)


def step(args):
    """A training step (both views) and embedding, for one or several configs or depths."""
    results = []
    for name in args.models:
        model = _model(name)
        for bf16, channels_last in ((False, False), (True, True)):
            if args.bf16 is None or args.bf16 == bf16:
                results += benchmark_step(model, name, args.batch_size, args.classes, bf16,
                                          channels_last, args.repeats, trace=args.profile)
    return results


def _model(name: str) -> dict:
    """A config's model, or the paper's with a ResNet of the named depth."""
    if name.endswith('.py'):
        return Config.fromfile(name).model.to_dict()
    if not name.removeprefix('r').isdigit():
        raise ValueError(f'{name!r} is neither a config nor r18, r34, r50, r101')
    return dict(type='LRFRecognizer',
                backbone=dict(type='FaceResNet', depth=int(name.removeprefix('r'))),
                neck=dict(type='EmbeddingNeck'), head=dict(type='CosFaceHead'),
                contrast_loss=dict(type='LogFExpLoss'))


def run(args):
    """A config's training and extraction with their data loaders: who waits for whom."""
    args.work_dir, args.launcher = None, 'none'
    return benchmark_run(load_config(args), args.steps, args.workers)


def ab(args):
    """Two settings in turn: MODEL, with any of +bf16, +last (channels last), +compile and +joint
    (both views in one pass) behind its name.
    """
    settings = {}
    for text in args.models:
        name, *extras = text.split('+')
        unknown = set(extras) - {'bf16', 'last', 'compile', 'joint'}
        if unknown:
            raise ValueError(f'{text!r}: +bf16, +last, +compile and +joint are known, not '
                             f'+{unknown.pop()}')
        settings[text] = dict(model=_model(name), bf16='bf16' in extras,
                              channels_last='last' in extras, compile='compile' in extras,
                              joint='joint' in extras)
    if len(settings) != 2:
        raise ValueError('two different settings are needed')
    return compare_steps(settings, args.batch_size, args.classes, args.repeats)


def head(args):
    """A step of the head alone: whole, split, sampled."""
    return benchmark_head(args.ids, args.batch_size, sample_rate=args.sample_rate)


def evaluation(args):
    """Pair scoring and gallery search."""
    return benchmark_evaluation(args.million_probes)


def gallery(args):
    """A gallery of a million embeddings: recall, latency, memory, writes."""
    return benchmark_gallery(args.people, args.pictures, args.dims, args.probes, args.folder,
                             args.seconds)


def serve(args):
    """A load test of `lrfr serve`, whose arguments follow the photographs."""
    return benchmark_serve(args.photographs, args.words, args.requests, args.minutes, args.clients)


def chain(args):
    """From photographs to embeddings: FaceInferencer against a plain loop."""
    args.device, args.flip = 'cpu', 'none'
    paths = [Path(args.photographs, name) for name in find_images(args.photographs)]
    return benchmark_chain(load_inferencer(args, show_progress=False), paths[:args.images],
                           args.batch_size, args.repeats)


def gpu(args):
    """All that only a GPU can show, part by part, each with a time limit."""
    benchmark_gpu(args.out, args.minutes, args.dry_run, args.parts)
    print(f'table: {args.out}/gpu.md')
    return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parts = parser.add_subparsers(required=True, metavar='PART')
    for name, function in (('data', data), ('views', views), ('step', step), ('run', run),
                           ('ab', ab), ('head', head), ('eval', evaluation), ('chain', chain),
                           ('gallery', gallery), ('serve', serve), ('gpu', gpu)):
        part = parts.add_parser(name, help=function.__doc__)
        part.set_defaults(function=function)
        part.add_argument('--json', metavar='FILE', help='write the numbers there as well')
        if name == 'data':
            part.add_argument('--images', type=int, default=20000)
            part.add_argument('--folder', help='where to write the sets for the time being')
        elif name == 'views':
            part.add_argument('--images', type=int, default=256)
            part.add_argument('--device', default='cpu')
        elif name == 'step':
            part.add_argument('models', nargs='*', default=['r18', 'r34', 'r50'],
                              help='r18, r34, r50, r101 or configs (default: r18 r34 r50)')
            part.add_argument('--batch-size', type=int, default=16)
            part.add_argument('--classes', type=int, default=10575)
            part.add_argument('--repeats', type=int, default=5)
            part.add_argument('--bf16', action=argparse.BooleanOptionalAction, default=None,
                              help='only with, or only without (default: both; with bf16 the '
                              'weights are channels last)')
            part.add_argument('--profile', metavar='FILE', help='write a Chrome trace of a step')
        elif name == 'run':
            part.add_argument('config')
            part.add_argument('--steps', type=int, default=20)
            part.add_argument('--workers', type=int, help='processes that read and decode '
                              '(default: the config\'s)')
            part.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE')
        elif name == 'ab':
            part.add_argument('models', nargs=2, help='e.g. r18 r18+bf16+last')
            part.add_argument('--batch-size', type=int, default=16)
            part.add_argument('--classes', type=int, default=10575)
            part.add_argument('--repeats', type=int, default=7)
        elif name == 'head':
            part.add_argument('--ids', type=int, default=1_000_000)
            part.add_argument('--batch-size', type=int, default=512)
            part.add_argument('--sample-rate', type=float, default=.1)
        elif name == 'gallery':
            part.add_argument('--people', type=int, default=250_000)
            part.add_argument('--pictures', type=int, default=4, help='embeddings of each')
            part.add_argument('--dims', type=int, default=192, help='length of an embedding')
            part.add_argument('--probes', type=int, default=1000, help='of each of four kinds')
            part.add_argument('--folder', help='where to write the gallery for the time being')
            part.add_argument('--seconds', type=float, default=20., help='of reading and writing '
                              'at the same time')
        elif name == 'serve':
            part.add_argument('photographs', help='folder')
            part.add_argument('words', nargs=argparse.REMAINDER, metavar='ARGUMENT',
                              help='of lrfr serve')
            part.add_argument('--requests', type=int, default=300)
            part.add_argument('--minutes', type=float, default=0., help='instead of --requests')
            part.add_argument('--clients', type=int, default=4, help='requests at the same time')
        elif name == 'chain':
            part.add_argument('photographs', help='folder')
            part.add_argument('--images', type=int, default=100)
            part.add_argument('--batch-size', type=int, default=8)
            part.add_argument('--repeats', type=int, default=3)
            add_model_arguments(part)
            add_detector_arguments(part)
        elif name == 'gpu':
            part.add_argument('--out', required=True, help='directory of gpu.json and gpu.md')
            part.add_argument('--minutes', type=float, default=8., help='for all parts')
            part.add_argument('--dry-run', action='store_true', help='small sizes on the CPU')
            part.add_argument('--parts', nargs='+', choices=list(PARTS), help='default: all')
        else:
            part.add_argument('--million-probes', type=int, default=0,
                              help='also search a million entries with so many probes')
    args = parser.parse_args()
    init_default_scope('lrfr_mm')
    print(machine(), flush=True)
    results = args.function(args)
    if results:
        print(results_table(results))
    if args.json:
        write_text(args.json, json.dumps(dict(machine=machine(), results=[asdict(r) for r in
                                                                          results]), indent=2))


if __name__ == '__main__':
    run_command(main)
