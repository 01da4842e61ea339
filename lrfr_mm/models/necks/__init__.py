from lrfr_mm.models.necks.adaptation_gate_neck import AdaptationGateNeck
from lrfr_mm.models.necks.confidence_parts_neck import ConfidencePartsNeck
from lrfr_mm.models.necks.coupled_neck import CoupledNeck
from lrfr_mm.models.necks.folded_gdc_neck import FoldedGDCNeck
from lrfr_mm.models.necks.identity_neck import IdentityNeck
from lrfr_mm.models.necks.necks import EmbeddingNeck, GDCNeck, PoolNeck
from lrfr_mm.models.necks.token_neck import TokenNeck

__all__ = ['AdaptationGateNeck', 'ConfidencePartsNeck', 'CoupledNeck', 'EmbeddingNeck',
           'FoldedGDCNeck', 'GDCNeck', 'IdentityNeck', 'PoolNeck', 'TokenNeck']
