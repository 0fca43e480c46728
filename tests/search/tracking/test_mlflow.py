"""MLflow's runs, asked back from a database of its own; needs the package."""

import numpy as np
import pytest
from PIL import Image
from support.studies import begun, measure, trial_of

from ignm.errors import IgnmError
from search.study.folder import Status

pytest.importorskip("mlflow")


@pytest.fixture
def uri(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where artifacts of a database without a server lie
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def folder(tmp_path, question):
    return begun(tmp_path, question)


@pytest.fixture
def trial(folder, question):
    trial = trial_of(folder, question, 0)
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(trial.path / "samples.png")
    return trial


def runs(uri):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("small")
    return client, client.search_runs([experiment.experiment_id])


def test_a_trial_is_a_run_that_goes_on(folder, trial, uri):
    from search.tracking.mlflow import Mlflow

    measure(trial, (0.5, 9.0))
    Mlflow(folder, uri).show(trial)
    measure(trial, (0.5, 9.0), (1.0, 7.0))
    trial.end(Status.COMPLETED)
    again = Mlflow(folder, uri)
    again.show(trial)
    again.show(trial)
    client, (run,) = runs(uri)
    history = client.get_metric_history(run.info.run_id, "quality")
    assert [(each.step, each.value) for each in history] == [(500, 9.0), (1000, 7.0)]
    assert run.info.status == "FINISHED"
    assert run.data.params["discriminator.normalisation"] == "null"
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["samples.png"]


def test_an_address_where_nobody_answers_is_told_at_once(folder):
    from search.tracking.mlflow import Mlflow

    with pytest.raises(IgnmError, match=r"tracking.mlflow: nonsense://x: .*sqlite:///FILE"):
        Mlflow(folder, "nonsense://x")
