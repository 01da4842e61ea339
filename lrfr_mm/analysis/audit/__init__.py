"""What is in a set of faces, and what is wrong with it."""
from lrfr_mm.analysis.audit.page import write_audit
from lrfr_mm.analysis.audit.scan import ScanResult, detail_px, near_duplicates, scan
from lrfr_mm.analysis.audit.summary import shared_by_embedding, shared_by_name, summarise

__all__ = ['ScanResult', 'detail_px', 'near_duplicates', 'scan', 'shared_by_embedding',
           'shared_by_name', 'summarise', 'write_audit']
