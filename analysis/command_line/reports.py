"""The options of reports: of this project's studies, and of searches that others made."""

from analysis.command_line.options import FLAG, Option

STUDY = Option("study", "NAME", "name of a study in MLflow; with --optuna, of a study in that storage")
OUT = Option("out", "FOLDER", "folder that the report is written to", "report")

QUOTE = (
    Option("optuna", "URL", "storage of a study that Optuna made elsewhere"),
    STUDY,
    Option("mlflow", "EXPERIMENT", "an experiment whose runs another program made"),
    Option("trials", "FILE", "table of trials, one row a trial: .csv or .parquet"),
    Option("sampler", "random|grid|list|adaptive", "how trials that others made were drawn"),
    Option("metric", "NAME", "the metric that trials of another program were chosen by"),
    Option("test_metric", "NAME", "the metric of the test part that is reported of them"),
    Option("direction", "maximize|minimize", "which scores are better, where neither study nor metric says it"),
    Option("bounds", "LOW,HIGH", "the lowest and the highest value of the metric: 0,1"),
    Option("worst", "VALIDATION,TEST", "scores of a failed trial, of a metric without a worst value: 80.1,82.3"),
    Option("rows", "N", "how many rows the test part has"),
    OUT,
)
"""The options of a report on a search that another program made."""

REPORT = (
    *QUOTE,
    Option("objective", "METRIC", "the column of --trials that trials were chosen by: val_accuracy, val_rmse, ..."),
    Option("at", "N,N,...", "values of N, for instance 10,20,50"),
    Option("target", "X,X,...", "scores to reach, named now, for instance 0.97,0.98"),
    Option("targets", "X,X,...", "scores to reach that were named before the search had data"),
    Option("assume_tail", FLAG, "add an interval that rests on an assumption about the tail", "false"),
    Option("use", "prefix|all", "which trials of a search that was cut off", "prefix"),
    Option("versus", "NAME|FILE", "another study (another table with --trials) to compare with"),
    Option("confirm", "NAME", "the study that repeats the best trials of this one"),
    Option("tracking_uri", "URL", "MLflow's tracking store, instead of MLflow's own"),
    Option("attach", FLAG, "attach the files to the study's parent run", "false"),
)
"""All options of `python -m analysis`."""
