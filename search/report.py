"""A study's report, from wherever the study lies."""

from pathlib import Path

from analysis.report import build_report
from search import STUDIES
from search.storage.finding import find_study
from search.study.results import write_results


def report_study(study: str | Path, storage: str | Path = STUDIES, notebooks: bool = True) -> Path:
    """Write a study's report from whatever it has so far, and return its page; as `ignm report`.

    study: its folder, its URI, or its name under `storage`; notebooks: execute them too. Raises IgnmError where there
    is no such study.
    """
    folder = find_study(study, storage)
    write_results(folder)
    return build_report(folder.path, notebooks)
