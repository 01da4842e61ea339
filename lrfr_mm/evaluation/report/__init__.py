"""What a person sees of a test: a table, plain data, one HTML page."""
from lrfr_mm.evaluation.report.page import write_report
from lrfr_mm.evaluation.report.run import collect_run, table_text

__all__ = ['collect_run', 'table_text', 'write_report']
