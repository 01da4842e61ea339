from lrfr_mm.models.necks.necks import EmbeddingNeck, GDCNeck, PoolNeck

__all__ = ['EmbeddingNeck', 'GDCNeck', 'PoolNeck']
