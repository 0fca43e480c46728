"""TensorBoard's event files, read back."""

import numpy as np
import pytest
from PIL import Image
from support.studies import begun, measure, trial_of
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from search.study.folder import Status
from search.tracking.tensorboard import TensorBoard


@pytest.fixture
def folder(tmp_path, question):
    return begun(tmp_path, question)


@pytest.fixture
def trial(folder, question):
    trial = trial_of(folder, question, 0)
    picture(trial, 10)
    return trial


def picture(trial, brightness):
    Image.fromarray(np.full((17, 33, 3), brightness, np.uint8)).save(trial.path / "samples.png")


def read(folder, trial):
    events = EventAccumulator(str(folder.path / "tensorboard" / trial.name), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return events


def points(events, name="quality"):
    return [(event.step, pytest.approx(event.value)) for event in events.Scalars(name)]


def test_scalars_and_samples_stand_at_their_images(folder, trial):
    board = TensorBoard(folder, True)
    measure(trial, (0.5, 9.0))
    board.show(trial)
    picture(trial, 20)
    measure(trial, (0.5, 9.0), (1.0, 7.5))
    board.show(trial)
    board.show(trial)
    board.close()
    events = read(folder, trial)
    assert points(events) == [(500, 9.0), (1000, 7.5)]
    assert points(events, "images_per_second") == [(500, 100.0), (1000, 100.0)]
    assert "metric" not in events.Tags()["scalars"]
    images = events.Images("samples")
    assert [(image.step, image.width, image.height) for image in images] == [(500, 33, 17), (1000, 33, 17)]


def test_extra_metrics_have_curves_and_what_is_missing_has_none(folder, trial):
    measure(trial, (0.5, 9.0))
    text = (trial.path / "measurements.jsonl").read_text()
    (trial.path / "measurements.jsonl").write_text(
        text.replace('"precision"', '"metrics": {"kd": 0.25}, "slope": null, "precision"')
    )
    board = TensorBoard(folder, True)
    board.show(trial)
    board.close()
    events = read(folder, trial)
    assert points(events, "kd") == [(500, 0.25)]
    assert "slope" not in events.Tags()["scalars"]


def test_a_study_that_goes_on_shows_no_point_twice(folder, trial):
    measure(trial, (0.5, 9.0), (1.0, 7.0))
    first = TensorBoard(folder, True)
    first.show(trial)  # and is killed: never closed
    measure(trial, (0.5, 9.0), (1.0, 7.0), (2.0, 5.0))
    second = TensorBoard(folder, True)
    second.show(trial)
    second.close()
    events = read(folder, trial)
    assert points(events) == [(500, 9.0), (1000, 7.0), (2000, 5.0)]
    assert [image.step for image in events.Images("samples")] == [1000, 2000]


def test_an_event_file_torn_by_a_kill_is_gone_on_from(folder, trial):
    measure(trial, (0.5, 9.0))
    first = TensorBoard(folder, True)
    first.show(trial)
    (file,) = (folder.path / "tensorboard" / trial.name).glob("events.*")
    file.write_bytes(file.read_bytes()[:-7])
    measure(trial, (0.5, 9.0), (1.0, 7.0))
    second = TensorBoard(folder, True)
    second.show(trial)
    second.close()
    assert points(read(folder, trial)) == [(500, 9.0), (1000, 7.0)]


def test_an_ended_trial_is_let_go_and_leaves_no_empty_files(folder, trial):
    measure(trial, (0.5, 9.0))
    trial.end(Status.PRUNED)
    for _ in range(3):
        board = TensorBoard(folder, True)
        board.show(trial)
        assert not board._writers
    assert len(list((folder.path / "tensorboard" / trial.name).glob("events.*"))) == 1


def test_hyperparameters_are_there_and_null_is_a_word(folder, trial):
    measure(trial, (0.5, 9.0))
    board = TensorBoard(folder, True)
    board.show(trial)
    board.close()
    plugin = read(folder, trial).PluginTagToContent("hparams")
    assert b"generator.width" in plugin["_hparams_/session_start_info"]
    assert b"null" in plugin["_hparams_/session_start_info"]


def test_a_trial_without_a_measurement_is_not_shown(folder, trial):
    TensorBoard(folder, True).show(trial)
    assert not (folder.path / "tensorboard").exists()
