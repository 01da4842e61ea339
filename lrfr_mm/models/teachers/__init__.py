from lrfr_mm.models.teachers.embedding_store import EmbeddingStore
from lrfr_mm.models.teachers.frozen_teacher import FrozenTeacher

__all__ = ['EmbeddingStore', 'FrozenTeacher']
