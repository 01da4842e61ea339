from lrfr_mm.models.necks.folded_gdc_neck import FoldedGDCNeck
from lrfr_mm.models.necks.necks import EmbeddingNeck, GDCNeck, PoolNeck
from lrfr_mm.models.necks.token_neck import TokenNeck

__all__ = ['EmbeddingNeck', 'FoldedGDCNeck', 'GDCNeck', 'PoolNeck', 'TokenNeck']
