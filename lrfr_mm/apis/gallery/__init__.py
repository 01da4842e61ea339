"""Galleries of enrolled people: enrol, search, decide, delete."""
from lrfr_mm.apis.gallery.audit_log import AuditLog
from lrfr_mm.apis.gallery.base import Candidate, Gallery, Identity, Person
from lrfr_mm.apis.gallery.qdrant import QdrantGallery
from lrfr_mm.apis.gallery.sqlite import SQLiteGallery

__all__ = ['AuditLog', 'Candidate', 'Gallery', 'Identity', 'Person', 'QdrantGallery',
           'SQLiteGallery']
