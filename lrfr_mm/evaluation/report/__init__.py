"""What a person sees of a test: a table, plain data, one HTML page."""
from lrfr_mm.evaluation.report.comparison import compare_runs, comparison_tables, differences
from lrfr_mm.evaluation.report.page import html_page, render, write_report
from lrfr_mm.evaluation.report.run import collect_run, read_items, read_run, table_text
from lrfr_mm.evaluation.report.tables import to_csv, to_latex, to_markdown, write_tables

__all__ = ['collect_run', 'compare_runs', 'comparison_tables', 'differences', 'html_page',
           'read_items', 'read_run', 'render', 'table_text', 'to_csv', 'to_latex', 'to_markdown',
           'write_report', 'write_tables']
