"""What every gallery does, whatever stores it."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lrfr_mm.apis.gallery.audit_log import AuditLog
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.calibration import Decision, SizeCalibration

__all__ = ['Candidate', 'Gallery', 'Identity', 'Person']


@dataclass(frozen=True)
class Person:
    """An enrolled person.

    Attributes:
        number: Number in the gallery, never used again after a deletion.
        name: Unique name.
        consent: What the person agreed to, and where that is kept.
        note: Anything else.
        pictures: Number of enrolled embeddings.
    """

    number: int
    name: str
    consent: str = ''
    note: str = ''
    pictures: int = 0


@dataclass(frozen=True)
class Candidate:
    """A person found by a search: the best of their pictures.

    Attributes:
        person: Name.
        number: Number of the person.
        score: Cosine similarity of the best picture.
        size: Side of the face in that picture, px; NaN where it was not given.
    """

    person: str
    number: int
    score: float
    size: float


@dataclass(frozen=True)
class Identity:
    """The open-set answer for one probe.

    Attributes:
        person: Name of the identified person; None for nobody of the gallery.
        candidate: The best candidate, identified or not; None in an empty gallery.
        decision: The decision on that candidate, with its error rates; None likewise.
        searched: Number of people that were searched.
    """

    person: str | None
    candidate: Candidate | None = None
    decision: Decision | None = field(default=None, repr=False)
    searched: int = 0


class Gallery:
    """Base of the galleries; subclasses store and search.

    All embeddings are of one recognizer, named by its fingerprint: scores of two recognizers cannot
    be compared, so opening a gallery with another fingerprint is an error.

    Subclasses implement ``_add``, ``_remove``, ``_search``, ``person``, ``people``, ``close``.

    Args:
        dims: Length of the embeddings.
        fingerprint: Of the recognizer.
        audit: Log of all requests; None for none.
    """

    def __init__(self, dims: int, fingerprint: str, audit: AuditLog | None = None):
        self.dims, self.fingerprint, self.audit = dims, fingerprint, audit

    # -- what subclasses implement ---------------------------------------------------------------
    def _add(self, name: str, vectors: np.ndarray, sizes: np.ndarray, consent: str, note: str,
             replace: bool) -> Person:
        """Store all ``vectors`` (K, dims) of a person in one transaction."""
        raise NotImplementedError

    def _add_many(self, people: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> list[int]:
        """Store name, vectors and sizes of many people; returns their numbers. A subclass that can
        does it in one transaction.
        """
        return [self._add(*person, '', '', replace=False).number for person in people]

    def _remove(self, person: Person) -> None:
        """Remove a person and all embeddings in one transaction."""
        raise NotImplementedError

    def _search(self, vectors: np.ndarray, k: int) -> list[list[Candidate]]:
        """The ``k`` best people for each unit vector (N, dims), best first."""
        raise NotImplementedError

    def person(self, name: str) -> Person:
        """An enrolled person.

        Raises:
            InputError: If nobody has that name.
        """
        raise NotImplementedError

    def people(self) -> list[Person]:
        """All enrolled people, in the order of their numbers."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Number of enrolled people."""
        return len(self.people())

    def pictures(self) -> int:
        """Number of enrolled embeddings."""
        return sum(person.pictures for person in self.people())

    def close(self) -> None:
        """Release files and connections."""
        raise NotImplementedError

    # -- what users call -------------------------------------------------------------------------
    def enrol(self, name: str, vectors, sizes: Sequence[float] | None = None, consent: str = '',
              note: str = '', actor: str = '') -> Person:
        """Add a person, or pictures of an enrolled person.

        Args:
            name: Unique name, not empty.
            vectors: Embeddings (K, dims) or (dims,), any length above 0; stored with unit length.
            sizes: Side of each face in its picture, px, for calibrated decisions.
            consent, note: Kept with the person; for an enrolled person empty texts change nothing.
            actor: Who asks, for the audit log.

        Returns:
            The person, with the new number of pictures.

        Raises:
            InputError: If a vector has another length, is zero or not finite, or the name is empty.
        """
        vectors, sizes = self._checked(vectors, sizes)
        person = self._add(self._name(name), vectors, sizes, consent, note, replace=False)
        self._log(actor, 'enrol', person=person.number, pictures=len(vectors))
        return person

    def enrol_many(self, people: Iterable[tuple], actor: str = '') -> int:
        """Add many people at once, as from another gallery: all of them or, where the storage has
        transactions, none.

        Args:
            people: Tuples of name, embeddings (K, dims) and, if known, sizes (K,), as for
                :meth:`enrol`.
            actor: Who asks, for the audit log.

        Returns:
            The number of people given.

        Raises:
            InputError: As for :meth:`enrol`.
        """
        checked = [(self._name(name), *self._checked(vectors, *sizes or (None,)))
                   for name, vectors, *sizes in people]
        numbers = self._add_many(checked)
        self._log(actor, 'enrol', people=numbers, pictures=sum(len(v) for _, v, _ in checked))
        return len(numbers)

    def update(self, name: str, vectors, sizes: Sequence[float] | None = None, consent: str = '',
               note: str = '', actor: str = '') -> Person:
        """Replace all pictures of an enrolled person; arguments as for :meth:`enrol`."""
        vectors, sizes = self._checked(vectors, sizes)
        self.person(name)  # an unknown name is an error
        person = self._add(name, vectors, sizes, consent, note, replace=True)
        self._log(actor, 'update', person=person.number, pictures=len(vectors))
        return person

    def delete(self, name: str, actor: str = '') -> None:
        """Remove a person and every embedding of theirs from the storage.

        Raises:
            InputError: If nobody has that name.
        """
        person = self.person(name)
        self._remove(person)
        self._log(actor, 'delete', person=person.number)

    def search(self, vectors, k: int = 5, actor: str = '') -> list[list[Candidate]]:
        """The ``k`` most similar people for each probe, best first.

        Args:
            vectors: Embeddings (N, dims) or (dims,), not necessarily of unit length.
            k: Number of people, at least 1.
            actor: Who asks, for the audit log.
        """
        if k < 1:
            raise InputError(f'k must be at least 1, got {k}')
        vectors, _ = self._checked(vectors, None)
        found = self._search(vectors, k)
        self._log(actor, 'search', probes=len(vectors), best=[[c.number for c in row]
                                                              for row in found])
        return found

    def identify(self, vectors, sizes: Sequence[float], calibration: SizeCalibration,
                 fpir: float = .01, actor: str = '') -> list[Identity]:
        """Open-set identification: who of the gallery each probe is, or nobody.

        A probe is compared with all N enrolled pictures, so the false-accept rate of one comparison
        is set to ``1 - (1 - fpir)^(1/N)``: with independent comparisons a probe of nobody in the
        gallery is then identified as somebody at the rate ``fpir`` (Grother and Phillips, CVPR
        2004, eq. 4); pictures of one person depend on each other, which makes it rarer.
        A gallery picture without a size counts as the largest calibrated size.

        Args:
            vectors: Embeddings (N, dims).
            sizes: Sides of the probes' faces, px, (N,).
            calibration: Of the same recognizer.
            fpir: Wanted false-positive identification rate.
            actor: Who asks, for the audit log.

        Raises:
            InputError: If the calibration is of another recognizer, has too few people for the
                rate, or a face is smaller than all that it has measured.
        """
        if calibration.fingerprint != self.fingerprint:
            raise InputError('the calibration was measured with another recognizer than that of '
                             'this gallery')
        if not 0 < fpir < 1:
            raise InputError(f'fpir must be between 0 and 1, got {fpir}')
        vectors, sizes = self._checked(vectors, sizes)
        count, pictures = len(self), self.pictures()
        far = float(-np.expm1(np.log1p(-fpir) / max(pictures, 1)))
        self._check_rate(calibration, fpir, far, pictures)
        answers = []
        for row, size in zip(self._search(vectors, 1), sizes, strict=True):
            if not row:
                answers.append(Identity(None, searched=count))
                continue
            best = row[0]
            known = best.size if np.isfinite(best.size) else calibration.sizes[-1]
            decision = calibration.decide(best.score, (size, known), far)
            answers.append(Identity(best.person if decision.match else None, best, decision, count))
        self._log(actor, 'identify', probes=len(vectors), identified=[
            a.candidate.number if a.person is not None else None for a in answers])
        return answers

    def finest_fpir(self, calibration: SizeCalibration) -> float:
        """Lowest false-positive identification rate that the calibration supports among the
        pictures that are enrolled now, 0 to 1.
        """
        finest = calibration.finest_far()
        return float(-np.expm1(self.pictures() * np.log1p(-finest))) if finest < 1 else 1.

    # -- shared ----------------------------------------------------------------------------------
    def _log(self, actor: str, action: str, **details) -> None:
        if self.audit is not None:
            self.audit.write(actor, action, **details)

    def _check_rate(self, calibration: SizeCalibration, fpir: float, far: float,
                    pictures: int) -> None:
        finest = calibration.finest_far()
        if pictures and far < finest:
            lowest = self.finest_fpir(calibration)
            raise InputError(
                f'an identification rate (fpir) of {fpir:g} among {pictures} enrolled pictures is '
                f'a false-accept rate of {far:.2g} a comparison, which needs more people: this '
                f'calibration supports {finest:.2g}, and so an fpir of {lowest:.2g}')

    @staticmethod
    def _name(name: str) -> str:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f'a person needs a name, got {name!r}')
        return name

    def _checked(self, vectors, sizes) -> tuple[np.ndarray, np.ndarray]:
        vectors = np.atleast_2d(np.asarray(vectors, np.float32))
        if vectors.ndim != 2 or vectors.shape[1] != self.dims or len(vectors) == 0:
            raise InputError(f'embeddings (N, {self.dims}) are needed, got {vectors.shape}')
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        wrong = np.flatnonzero(~np.isfinite(norms[:, 0]) | (norms[:, 0] == 0))
        if len(wrong):
            raise InputError(f'embedding {wrong[0]} is zero or not finite')
        if sizes is None:
            sizes = np.full(len(vectors), np.nan)
        sizes = np.atleast_1d(np.asarray(sizes, float))
        if sizes.shape != (len(vectors),):
            raise InputError(f'{sizes.size} sizes for {len(vectors)} embeddings')
        return vectors / norms, sizes
