"""A load test of the server: requests a second, latency, memory over the time."""
from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.datasets.image_files import IMAGE_SUFFIXES
from lrfr_mm.errors import InputError, MissingDependencyError

__all__ = ['Load', 'benchmark_serve', 'load', 'picture_pairs', 'started_server']


@dataclass
class Load:
    """What was measured while requests were sent.

    Attributes:
        seconds: From the first request to the last answer.
        latencies: Seconds of each request.
        failures: Answers with another status than 200, by status or exception.
        memory: (seconds since the beginning, resident bytes of the server), every second.
    """

    seconds: float = 0.
    latencies: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    memory: list[tuple[float, int]] = field(default_factory=list)


def picture_pairs(folder: str | Path, count: int = 50, seed: int = 0) -> list[tuple[bytes, bytes]]:
    """Pairs of encoded pictures of a folder, searched to its depth, to be compared.

    Raises:
        InputError: If it holds fewer than two pictures.
    """
    files = sorted(path for path in Path(folder).rglob('*')
                   if path.suffix.lower() in IMAGE_SUFFIXES)
    if len(files) < 2:
        raise InputError(f'{folder} holds fewer than two pictures')
    rng = np.random.default_rng(seed)
    return [tuple(files[i].read_bytes() for i in rng.choice(len(files), 2, replace=False))
            for _ in range(count)]


def load(url: str, pairs: Sequence[tuple[bytes, bytes]], requests: int = 0, minutes: float = 0.,
         clients: int = 4, token: str | None = None, pid: int | None = None) -> Load:
    """Ask a running server to compare pictures; each client waits for its answer before it asks
    again.

    Args:
        url: Of the server, with a slash at the end.
        pairs: Encoded pictures, in turn.
        requests: Number of requests; 0 for as many as fit into ``minutes``.
        minutes: Time after which no request is sent; 0 for no limit.
        clients: Requests at the same time.
        token: Of the server.
        pid: Process whose memory is observed; None for none.
    """
    if not requests and not minutes:
        raise ValueError('either requests or minutes must be given')
    return asyncio.run(_load(url, pairs, requests, minutes, clients, token, pid))


async def _load(url, pairs, requests, minutes, clients, token, pid) -> Load:
    try:
        import httpx
    except ImportError:
        raise MissingDependencyError('the load test needs `pip install httpx`') from None
    measured, numbers = Load(), itertools.count()
    headers = {'Authorization': f'Bearer {token}'} if token else {}
    begin = time.perf_counter()

    async def ask(client) -> None:
        for k in numbers:
            if requests and k >= requests:
                return
            start = time.perf_counter()
            if minutes and start - begin > 60 * minutes:
                return
            first, second = pairs[k % len(pairs)]
            try:
                answer = await client.post(f'{url}api/verify', files=dict(
                    first=('first', first), second=('second', second)))
                status = str(answer.status_code)
            except httpx.HTTPError as error:
                status = type(error).__name__
            measured.latencies.append(time.perf_counter() - start)
            if status != '200':
                measured.failures[status] = measured.failures.get(status, 0) + 1

    async def watch() -> None:
        while pid is not None:
            measured.memory.append((time.perf_counter() - begin, resident_bytes(pid)))
            await asyncio.sleep(1)

    async with httpx.AsyncClient(headers=headers, timeout=120, trust_env=False) as client:
        watching = asyncio.create_task(watch())
        await asyncio.gather(*(ask(client) for _ in range(clients)))
        measured.seconds = time.perf_counter() - begin
        watching.cancel()
    return measured


def resident_bytes(pid: int) -> int:
    """Resident memory of a process (Linux)."""
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS'):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f'process {pid} has ended')


@contextlib.contextmanager
def started_server(words: Sequence[str], patience: float = 300.) -> Iterator[tuple[str, int]]:
    """Run ``lrfr serve`` with further arguments on a free port; its address and process number.

    Raises:
        InputError: If it ends, or gives no answer within ``patience`` seconds.
    """
    import httpx
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, '-m', 'lrfr_mm', 'serve', *words, '--port',
                               str(port)], env={**os.environ, 'LRFR_TOKEN': ''})
    try:
        url, end = f'http://127.0.0.1:{port}/', time.monotonic() + patience
        while True:
            if server.poll() is not None:
                raise InputError('lrfr serve has ended; its message is above')
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f'{url}health', trust_env=False).status_code == 200:
                    break
            if time.monotonic() > end:
                raise InputError(f'lrfr serve has given no answer for {patience:g} s')
            time.sleep(.2)
        yield url, server.pid
    finally:
        server.terminate()
        server.wait()


def benchmark_serve(folder: str, words: Sequence[str] = (), requests: int = 300,
                    minutes: float = 0., clients: int = 4) -> list[Result]:
    """Start ``lrfr serve`` and compare photographs of a folder with it.

    Args:
        folder: Of photographs.
        words: Arguments of ``lrfr serve``.
        requests: Of the load test; not counted are ten before it.
        minutes: Length of the load test instead; 0 for the number of requests.
        clients: Requests at the same time.
    """
    pairs = picture_pairs(folder)
    with started_server(words) as (url, pid):
        at_start = resident_bytes(pid)
        load(url, pairs, requests=10)
        warm = resident_bytes(pid)
        measured = load(url, pairs, 0 if minutes else requests, minutes, clients, pid=pid)
    return summary(measured, clients, at_start, warm)


def summary(measured: Load, clients: int, at_start: int, warm: int) -> list[Result]:
    """The results of a load test; memory at the start and after the first requests, in bytes."""
    times = 1e3 * np.array(measured.latencies)
    failures = ', '.join(f'{n} x {status}' for status, n in measured.failures.items()) or 'none'
    memory = np.array(measured.memory)
    results = [
        Result(f'/api/verify, {clients} at a time', len(times) / measured.seconds, 'requests/s',
               {'requests': len(times), 'failures': failures}),
        Result('latency, p50', float(np.percentile(times, 50)), 'ms',
               {'p95': f'{np.percentile(times, 95):.0f} ms', 'most': f'{times.max():.0f} ms'})]
    quarters = [f'{part[:, 1].mean() / 2 ** 20:.0f}'
                for part in np.array_split(memory, 4) if len(part)]
    return [*results, Result('resident memory at the end', memory[-1, 1] / 2 ** 20, 'MiB', {
        'at the start': f'{at_start / 2 ** 20:.0f}', 'after ten requests': f'{warm / 2 ** 20:.0f}',
        'means of the quarters': ' '.join(quarters), 'most': f'{memory[:, 1].max() / 2 ** 20:.0f}',
        'over': f'{measured.seconds:.0f} s'})]
