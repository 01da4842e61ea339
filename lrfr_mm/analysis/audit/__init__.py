"""What is in a set of faces, and what is wrong with it."""
from lrfr_mm.analysis.audit.directory import audit_lines, audit_to
from lrfr_mm.analysis.audit.duplicates import near_duplicates
from lrfr_mm.analysis.audit.page import write_audit
from lrfr_mm.analysis.audit.people import (
    people_means,
    shared_by_embedding,
    shared_by_name,
    shared_people,
)
from lrfr_mm.analysis.audit.scan import ScanResult, detail_px, scan
from lrfr_mm.analysis.audit.summary import summarise

__all__ = ['ScanResult', 'audit_lines', 'audit_to', 'detail_px', 'near_duplicates', 'people_means',
           'scan', 'shared_by_embedding', 'shared_by_name', 'shared_people', 'summarise',
           'write_audit']
