"""Model cards (Mitchell et al., FAT* 2019): what a recognizer is for, and its error rates."""
from lrfr_mm.analysis.model_card.card import CardInputs, write_card
from lrfr_mm.analysis.model_card.groups import drawn_groups, read_groups

__all__ = ['CardInputs', 'drawn_groups', 'read_groups', 'write_card']
