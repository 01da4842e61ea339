"""Studies: rows of a table, each trained and tested with several seeds."""
from lrfr_mm.analysis.study.results import accuracies, collect, default_metrics, items_of_runs
from lrfr_mm.analysis.study.runner import Row, run_rows
from lrfr_mm.analysis.study.tables import ablation_table, p_value, spread, study_table

__all__ = ['Row', 'ablation_table', 'accuracies', 'collect', 'default_metrics', 'items_of_runs',
           'p_value', 'run_rows', 'spread', 'study_table']
