"""The load test, against a server of a few lines."""
import asyncio
import os
import socket
import threading
import time

import cv2
import numpy as np
import pytest

pytest.importorskip('fastapi')
pytest.importorskip('httpx')
from fastapi import FastAPI, Request, Response

from lrfr_mm.analysis.benchmark.serve import load, picture_pairs, started_server, summary
from lrfr_mm.errors import InputError

uvicorn = pytest.importorskip('uvicorn')


@pytest.fixture
def server():
    """Address, and a list of the numbers of requests that were there at the same time; each answer
    takes 20 ms, and each tenth is a refusal.
    """
    app, now, seen = FastAPI(), [], []

    @app.post('/api/verify')
    async def verify(request: Request) -> Response:
        form = await request.form()
        assert request.headers['authorization'] == 'Bearer secret'
        assert await form['first'].read() != await form['second'].read()
        now.append(1)
        seen.append(len(now))
        await asyncio.sleep(.02)
        now.pop()
        return Response(status_code=422 if len(seen) % 10 == 0 else 200)

    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    running = uvicorn.Server(uvicorn.Config(app, port=port, log_level='error'))
    thread = threading.Thread(target=running.run)
    thread.start()
    end = time.monotonic() + 30
    while not running.started and time.monotonic() < end:
        time.sleep(.02)
    yield f'http://127.0.0.1:{port}/', seen
    running.should_exit = True
    thread.join()


def test_a_load_is_counted(server, tmp_path):
    for k in range(4):
        (tmp_path / 'a').mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / 'a' / f'{k}.png'), np.full((9, 9, 3), 20 * k, np.uint8))
    pairs = picture_pairs(tmp_path, 5)
    assert len(pairs) == 5 and all(a != b for a, b in pairs)
    url, seen = server
    measured = load(url, pairs, requests=40, clients=3, token='secret', pid=os.getpid())
    assert len(seen) == len(measured.latencies) == 40 and max(seen) == 3
    assert sum(measured.failures.values()) >= 4 and set(measured.failures) == {'422'}
    assert min(measured.latencies) >= .02
    assert measured.seconds >= 40 / 3 * .02
    assert measured.memory[0][1] > 10 * 2 ** 20
    rate, latency, memory = summary(measured, 3, 100 * 2 ** 20, 110 * 2 ** 20)
    assert rate.value == pytest.approx(40 / measured.seconds)
    assert latency.value == pytest.approx(1e3 * np.median(measured.latencies))
    assert memory.extra['at the start'] == '100'
    timed = load(url, pairs, minutes=.005, token='secret')
    assert .3 <= timed.seconds < 5
    with pytest.raises(InputError, match='fewer than two'):
        picture_pairs(tmp_path / 'nothing')


@pytest.mark.slow
def test_a_server_that_does_not_start_is_said(capfd):
    with pytest.raises(InputError, match='has ended'), started_server(['--model', 'nothing']):
        pass
    assert 'nothing' in capfd.readouterr().err
