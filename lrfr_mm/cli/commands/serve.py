"""A web page and an API for comparing, searching and identifying.

Pictures are not stored; embeddings only of people that are enrolled. Beyond this machine
(--host other than 127.0.0.1) a token is required; put a reverse proxy with TLS in front.
"""
from __future__ import annotations

import argparse
import os

from lrfr_mm.apis.gallery import SQLiteGallery
from lrfr_mm.cli.common import (
    add_calibration_argument,
    add_detector_arguments,
    add_model_arguments,
    find_calibration,
    load_inferencer,
)
from lrfr_mm.errors import InputError, MissingDependencyError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=8000)
    parser.add_argument('--token', default=os.environ.get('LRFR_TOKEN'),
                        help='required of every API request (default: the environment variable '
                        'LRFR_TOKEN)')
    parser.add_argument('--gallery', metavar='DIR', help='folder of a gallery, made if missing')
    parser.add_argument('--index', default='exact', choices=('exact', 'compressed'), help='of the '
                        'gallery; compressed takes less memory and is faster from some hundred '
                        'thousand pictures on (default: exact)')
    add_calibration_argument(parser)
    parser.add_argument('--max-megabytes', type=float, default=12., help='of one request')
    parser.add_argument('--max-megapixels', type=float, default=40., help='of one picture')
    add_model_arguments(parser)
    add_detector_arguments(parser)


def run(args: argparse.Namespace) -> None:
    if args.host not in ('127.0.0.1', 'localhost', '::1') and not args.token:
        raise InputError(f'--host {args.host} can be reached from other machines: give --token')
    try:
        import uvicorn
    except ImportError:
        raise MissingDependencyError('the server needs `pip install fastapi uvicorn '
                                     'python-multipart prometheus-client`') from None
    from lrfr_mm.apis.serve import FaceService, Limits, create_app
    inferencer = load_inferencer(args, show_progress=False)
    embedder = inferencer.embedder
    calibration = find_calibration(args, embedder)
    gallery = SQLiteGallery(args.gallery, embedder.dims, embedder.fingerprint, args.index
                            ) if args.gallery else None
    service = FaceService(inferencer, calibration, gallery,
                          Limits(args.max_megabytes, args.max_megapixels))
    print(f'http://{args.host}:{args.port}/ (API: /docs)', flush=True)
    uvicorn.run(create_app(service, args.token), host=args.host, port=args.port,
                log_level='warning')
