"""The table of results: a row a measurement, a column a metric, older measurements among newer ones."""

from types import SimpleNamespace

import pandas as pd

from analysis.results import load_study
from search.study.results import collect, write_results

OLD = {"kimg": 1.0, "quality": 3.0, "metric": "fd_scatter", "reference_id": "r"}
NEW = OLD | {"kimg": 2.0, "quality_error": 0.2, "metrics": {"kd_scatter": 0.5, "kd_scatter_error": 0.1}}


def folder_of(tmp_path, *trials):
    def trial(name, measurements):
        return SimpleNamespace(
            name=name, stage="search", label=lambda: {"number": 0, "config_id": name, "parameters": {}},
            spec=lambda: SimpleNamespace(seed=0, kimg=2.0), status=lambda: "completed", reason=lambda: "",
            measurements=lambda: measurements, kimg=lambda: 0.0,
        )  # fmt: skip

    found = [trial(f"t{number}", measurements) for number, measurements in enumerate(trials)]
    return SimpleNamespace(all_trials=lambda: found, results=tmp_path / "results.parquet")


def test_each_extra_metric_is_a_column_of_its_own(tmp_path):
    table = collect(folder_of(tmp_path, [OLD, NEW], []))
    assert "metrics" not in table
    assert table["kd_scatter"].isna().tolist() == [True, False, True]
    assert table.loc[1, ["quality_error", "kd_scatter", "kd_scatter_error"]].tolist() == [0.2, 0.5, 0.1]


def test_a_study_measured_before_there_were_errors_is_still_read(tmp_path):
    for measurements in ([OLD], [OLD | {"quality_error": None, "metrics": {}}], [OLD, NEW]):
        write_results(folder_of(tmp_path, measurements))
        rows = load_study(tmp_path).rows
        assert pd.api.types.is_float_dtype(rows["quality_error"])
        assert rows["quality_error"].isna().iloc[0]
        assert load_study(tmp_path).axes == ()
