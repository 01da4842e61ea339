"""What a person sees of a test: a table, plain data, one HTML page."""
from lrfr_mm.evaluation.report.page import html_page, write_report
from lrfr_mm.evaluation.report.run import collect_run, table_text
from lrfr_mm.evaluation.report.tables import (
    comparison_rows,
    differences,
    to_csv,
    to_latex,
    to_markdown,
)

__all__ = ['collect_run', 'comparison_rows', 'differences', 'html_page', 'table_text', 'to_csv',
           'to_latex', 'to_markdown', 'write_report']
