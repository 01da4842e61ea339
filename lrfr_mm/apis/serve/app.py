"""The HTTP application: limits, token, endpoints, page."""
from __future__ import annotations

import base64
import binascii
import hmac
import time
from pathlib import Path
from typing import Annotated

import numpy as np

from lrfr_mm.apis.gallery import Gallery
from lrfr_mm.apis.inferencer import Face
from lrfr_mm.apis.serve.service import FaceService, data_url, describe
from lrfr_mm.errors import InputError, MissingDependencyError
from lrfr_mm.version import __version__

try:
    from fastapi import FastAPI, File, Form, HTTPException, Request, UploadFile
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
    from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
    from pydantic import BaseModel, Field
except ImportError as error:
    raise MissingDependencyError('the server needs `pip install fastapi uvicorn python-multipart '
                                 'prometheus-client`') from error

__all__ = ['create_app']

_PAGE = Path(__file__).parent / 'page'
_HEADERS = {
    'Content-Security-Policy': "default-src 'self'; img-src 'self' data: blob:; "
                               "media-src 'self' blob:; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store'}
_RESOLUTIONS = [7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 22, 25, 28, 32, 36, 42, 48, 56, 64, 80,
                96, 112]


class Sweep(BaseModel):
    """Two aligned faces, as this server gave them out, and how large they were."""

    first: str = Field(description='PNG data URL')
    second: str = Field(description='PNG data URL; this face is shrunk')
    sizes: tuple[float, float] = Field(description='sizes of the faces in their pictures, px')
    far: float = Field(.01, gt=0, lt=1, description='wanted false-accept rate')


def create_app(service: FaceService, token: str | None = None) -> FastAPI:
    """The application.

    Endpoints (``/docs`` describes them): ``/api/faces``, ``/api/verify``, ``/api/sweep``,
    ``/api/identify``, ``/api/people``; ``/health`` and ``/metrics`` need no token.

    Args:
        service: What answers.
        token: Required in ``Authorization: Bearer TOKEN`` of every API request; None for none.
    """
    app = FastAPI(title='lrfr_mm', version=__version__, redoc_url=None,
                  description='Compares faces from 7 to 112 px. Pictures are not stored.')
    registry = CollectorRegistry()
    requests = Counter('lrfr_requests', 'Requests by path and status.', ['path', 'status'],
                       registry=registry)
    durations = Histogram('lrfr_request_seconds', 'Seconds of a request by path.', ['path'],
                          registry=registry)
    found = Counter('lrfr_faces', 'Faces that were found.', registry=registry)

    @app.middleware('http')
    async def guard(request: Request, call_next):
        begin = time.perf_counter()
        response = await _guarded(request, call_next)
        route = request.scope.get('route')
        path = getattr(route, 'path', 'unknown')
        requests.labels(path, response.status_code).inc()
        durations.labels(path).observe(time.perf_counter() - begin)
        response.headers.update(_HEADERS if not request.url.path.startswith('/docs') else {})
        return response

    async def _guarded(request: Request, call_next):
        if request.url.path.startswith('/api/') and token is not None:
            given = request.headers.get('authorization', '').removeprefix('Bearer ')
            if not hmac.compare_digest(given.encode(), token.encode()):
                return JSONResponse(dict(detail='a valid token is needed: Authorization: Bearer '
                                                'TOKEN'), 401)
        length = request.headers.get('content-length')
        if request.method in ('POST', 'PUT') and (length is None or not length.isdigit()):
            return JSONResponse(dict(detail='a request needs a Content-Length'), 411)
        if length and int(length) > 1e6 * service.limits.megabytes:
            return JSONResponse(dict(detail='the upload is larger than '
                                            f'{service.limits.megabytes:g} MB'), 413)
        return await call_next(request)

    @app.exception_handler(InputError)
    async def refuse(request: Request, error: InputError):
        return JSONResponse(dict(detail=str(error)), 422)

    @app.get('/health')
    def health() -> dict:
        """Whether the server is ready, and what it can do."""
        searches = service.gallery is not None and service.calibration is not None
        return dict(status='ok', version=__version__,
                    calibrated=service.calibration is not None,
                    smallest=service.calibration.sizes[0] if service.calibration else None,
                    finest_far=service.calibration.finest_far() if service.calibration else None,
                    finest_fpir=service.gallery.finest_fpir(service.calibration) if searches
                    else None,
                    people=None if service.gallery is None else len(service.gallery),
                    token=token is not None, size=service.inferencer.embedder.size)

    @app.get('/metrics', response_class=PlainTextResponse)
    def metrics() -> str:
        """Counters in Prometheus' text format."""
        return generate_latest(registry).decode()

    async def faces_of(upload: UploadFile) -> tuple[list[Face], tuple[int, int]]:
        data = await upload.read()
        faces, shape = await run_in_threadpool(service.faces, data)
        found.inc(len(faces))
        return faces, shape

    @app.post('/api/faces')
    async def faces(picture: Annotated[UploadFile, File()]) -> dict:
        """Faces of a picture: box, landmarks, size, quality, aligned image, embedding."""
        result, (width, height) = await faces_of(picture)
        return dict(width=width, height=height, faces=[
            dict(face.to_dict(), image=data_url(face.image)) for face in result])

    @app.post('/api/verify')
    async def verify(first: Annotated[UploadFile, File()], second: Annotated[UploadFile, File()],
                     far: Annotated[float, Form(gt=0, lt=1)] = .01) -> dict:
        """Compare the largest faces of two pictures."""
        largest = []
        for name, upload in (('first', first), ('second', second)):
            result, _ = await faces_of(upload)
            if not result:
                raise InputError(f'no face was found in the {name} picture')
            largest.append(max(result, key=lambda face: face.size))
        score = float(largest[0].embedding @ largest[1].embedding)
        sizes = (largest[0].size, largest[1].size)
        return dict(similarity=score, sizes=sizes, decision=service.decide(score, sizes, far))

    @app.post('/api/sweep')
    async def sweep(body: Sweep) -> list[dict]:
        """Compare two aligned faces while the second shrinks from 112 to 7 px."""
        first, second = (_bytes(url) for url in (body.first, body.second))
        return await run_in_threadpool(service.sweep, first, second, body.sizes, body.far,
                                       _RESOLUTIONS)

    def gallery() -> Gallery:
        if service.gallery is None:
            raise HTTPException(404, 'this server has no gallery')
        return service.gallery

    def actor(request: Request) -> str:
        return request.client.host if request.client else 'unknown'

    @app.post('/api/identify')
    async def identify(request: Request, picture: Annotated[UploadFile, File()],
                       fpir: Annotated[float, Form(gt=0, lt=1)] = .05) -> dict:
        """Who of the gallery each face of a picture is, or nobody."""
        people = gallery()
        if service.calibration is None:
            raise HTTPException(409, 'identities need a calibration; `lrfr calibrate` makes one')
        result, (width, height) = await faces_of(picture)
        answers = []
        for face in result:
            entry = dict(box=face.box.tolist(), size=face.size, person=None, candidate=None,
                         decision=None, problem=None)
            try:
                (answer,) = await run_in_threadpool(
                    people.identify, face.embedding, [face.size], service.calibration, fpir,
                    actor(request))
                entry['person'] = answer.person
                if answer.candidate is not None:
                    entry['candidate'] = dict(person=answer.candidate.person,
                                              score=answer.candidate.score)
                    entry['decision'] = describe(answer.decision)
            except InputError as error:
                entry['problem'] = str(error)
            answers.append(entry)
        return dict(width=width, height=height, faces=answers)

    @app.get('/api/people')
    def listed() -> list[dict]:
        """All enrolled people."""
        return [vars(person) for person in gallery().people()]

    @app.post('/api/people')
    async def enroll(request: Request, picture: Annotated[UploadFile, File()],
                     name: Annotated[str, Form()], consent: Annotated[str, Form()] = '',
                     note: Annotated[str, Form()] = '') -> dict:
        """Add a picture of a person, which must show one face; the embedding is stored."""
        people = gallery()
        result, _ = await faces_of(picture)
        if len(result) != 1:
            raise InputError(f'the picture shows {len(result)} faces; to enroll it must show one')
        person = await run_in_threadpool(
            people.enrol, name, np.stack([face.embedding for face in result]),
            [face.size for face in result], consent, note, actor(request))
        return vars(person)

    @app.delete('/api/people/{name}')
    def delete(request: Request, name: str) -> dict:
        """Delete a person and every embedding."""
        people = gallery()
        try:
            people.delete(name, actor(request))
        except InputError as error:
            raise HTTPException(404, str(error)) from None
        return dict(deleted=name)

    @app.get('/', include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(_PAGE / 'index.html')

    @app.get('/page/{name}', include_in_schema=False)
    def asset(name: str) -> FileResponse:
        if name not in ('app.js', 'style.css'):
            raise HTTPException(404)
        return FileResponse(_PAGE / name)

    return app


def _bytes(url: str) -> bytes:
    """The content of a base64 data URL."""
    head, comma, text = url.partition(',')
    if not comma or not head.startswith('data:image/') or not head.endswith(';base64'):
        raise InputError('a PNG data URL is needed')
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise InputError(f'not base64: {error}') from None
