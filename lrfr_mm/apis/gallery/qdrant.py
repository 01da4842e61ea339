"""A gallery in Qdrant: embedded in this process, or a server for more than one machine."""
from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np

from lrfr_mm.apis.gallery.audit_log import AuditLog
from lrfr_mm.apis.gallery.base import Candidate, Gallery, Person
from lrfr_mm.errors import InputError, MissingDependencyError, reading
from lrfr_mm.registry import GALLERIES

__all__ = ['QdrantGallery']

_PAGE = 1000


@GALLERIES.register_module()
class QdrantGallery(Gallery):
    """Embeddings as points of a Qdrant collection, with the person in each point's payload.

    With ``path`` the client's embedded mode stores the collection in a folder of one process; with
    ``url`` the same code talks to a server. A deletion removes the points; when the server frees
    their storage is the server's matter (:class:`SQLiteGallery` overwrites them at once).

    Args:
        dims: Length of the embeddings.
        fingerprint: Of the recognizer.
        path: Folder of the embedded mode.
        url: Address of a server, instead of ``path``.
        collection: Name of the collection.
        api_key: Of the server.
        audit: File of the audit log; None for none.

    Raises:
        InputError: If the collection is of another recognizer, or neither or both of ``path`` and
            ``url`` are given.
        MissingDependencyError: Without qdrant-client.
    """

    def __init__(self, dims: int, fingerprint: str = '', path: str | Path | None = None,
                 url: str | None = None, collection: str = 'faces', api_key: str | None = None,
                 audit: str | Path | None = None):
        try:
            from qdrant_client import QdrantClient, models
        except ImportError:
            raise MissingDependencyError('QdrantGallery needs `pip install qdrant-client`'
                                         ) from None
        if (path is None) == (url is None):
            raise InputError('QdrantGallery needs either path (embedded) or url (a server)')
        super().__init__(dims, fingerprint, AuditLog(audit) if audit is not None else None)
        self._models, self.collection = models, collection
        where = str(path or url)
        with reading(f'Qdrant at {where}'):
            self._client = (QdrantClient(path=str(path)) if path is not None
                            else QdrantClient(url=url, api_key=api_key))
            if not self._client.collection_exists(collection):
                self._client.create_collection(
                    collection, vectors_config=models.VectorParams(
                        size=dims, distance=models.Distance.COSINE),
                    metadata=dict(fingerprint=fingerprint))
            about = self._client.get_collection(collection).config
        if about.params.vectors.size != dims:
            raise InputError(f'{where} holds embeddings of {about.params.vectors.size} numbers, '
                             f'not {dims}')
        saved = (about.metadata or {}).get('fingerprint', '')
        if saved != fingerprint:
            raise InputError(f'{where} holds embeddings of another recognizer (fingerprint '
                             f'{saved[:12]!r}, this one has {fingerprint[:12]!r})')

    def _of(self, name: str):
        models = self._models
        return models.Filter(must=[models.FieldCondition(
            key='person', match=models.MatchValue(value=name))])

    def _points(self, condition=None) -> list:
        """All points that fit ``condition``, without their vectors."""
        points, offset = [], None
        while True:
            page, offset = self._client.scroll(self.collection, scroll_filter=condition,
                                               limit=_PAGE, offset=offset, with_payload=True)
            points += page
            if offset is None:
                return points

    def _add(self, name, vectors, sizes, consent, note, replace) -> Person:
        old = self._points(self._of(name))
        payload = dict(person=name, number=_number(name), consent=consent, note=note)
        if old:
            payload.update({key: old[0].payload[key] for key in ('consent', 'note')
                            if not payload[key]})
        self._client.upsert(self.collection, wait=True, points=[self._models.PointStruct(
            id=str(uuid.uuid4()), vector=vector.tolist(),
            payload=dict(payload, size=None if np.isnan(size) else float(size)))
            for vector, size in zip(vectors, sizes, strict=True)])
        if old and replace:
            self._client.delete(self.collection, [point.id for point in old], wait=True)
        elif old:
            self._client.set_payload(self.collection, payload, [point.id for point in old],
                                     wait=True)
        return self.person(name)

    def _remove(self, person: Person) -> None:
        self._client.delete(self.collection, self._models.FilterSelector(
            filter=self._of(person.name)), wait=True)

    def person(self, name: str) -> Person:
        found = _people(self._points(self._of(name)))
        if not found:
            raise InputError(f'the collection {self.collection!r} has nobody of the name {name!r}')
        return found[0]

    def people(self) -> list[Person]:
        return _people(self._points())

    def _search(self, vectors, k) -> list[list[Candidate]]:
        out = []
        for vector in vectors:
            groups = self._client.query_points_groups(
                self.collection, query=vector.tolist(), group_by='person', limit=k, group_size=1,
                with_payload=True).groups
            best = [group.hits[0] for group in groups]
            out.append([Candidate(hit.payload['person'], hit.payload['number'], float(hit.score),
                                  float('nan') if hit.payload['size'] is None
                                  else hit.payload['size']) for hit in best])
        return out

    def close(self) -> None:
        self._client.close()
        if self.audit is not None:
            self.audit.close()


def _number(name: str) -> int:
    """A number for the audit log that does not tell the name."""
    return uuid.uuid5(uuid.NAMESPACE_OID, name).int & ((1 << 53) - 1)


def _people(points: list) -> list[Person]:
    counts: dict[str, int] = {}
    about = {}
    for point in points:
        name = point.payload['person']
        counts[name] = counts.get(name, 0) + 1
        about[name] = point.payload
    return sorted((Person(payload['number'], name, payload['consent'], payload['note'],
                          counts[name]) for name, payload in about.items()),
                  key=lambda person: person.number)
