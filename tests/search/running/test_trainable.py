"""The trainable by itself: what a step leaves in the trial's folder, and what a process keeps from trial to trial."""

import os
import weakref

import pytest
import torch

from ignm.config import override
from ignm.files import read_json
from ignm.metrics.evaluator import Evaluator
from ignm.models.discriminator import Discriminator
from ignm.training import ownership
from ignm.training.ownership import LostOwnershipError
from ignm.training.trainer import Trainer
from ignm.training.trial import TrialSpec
from search.running import trainable
from search.running.trainable import TrialTrainable
from search.study.folder import Status, StudyFolder


@pytest.fixture
def study(tmp_path, question, in_home, monkeypatch):
    """Begin trials, and take them up as Tune does."""
    monkeypatch.setattr("ray.tune.trainable.trainable.DEFAULT_STORAGE_PATH", str(tmp_path / "ray"))

    class Study:
        folder = StudyFolder(tmp_path / "small")
        folder.path.mkdir()

        def begin(self, name, **changes):
            config = override(question.base(), {key.replace("__", "."): value for key, value in changes.items()})
            spec = TrialSpec(config=config, kimg=0.128, measure_at=(0.064, 0.128), evaluation=question.evaluation)
            label = {"number": 0, "parameters": {}}
            return self.folder.begin_trial(name, spec, label)

        def config(self, name, **options):
            own = {"study": str(self.folder.path), "trial": name, "data_root": str(in_home / "data"), "cpus": 1}
            return own | options

        def take_up(self, name, **options):
            return TrialTrainable(self.config(name, **options))

    return Study()


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_step_is_a_measurement_and_the_last_one_ends_the_trial(study):
    trial = study.begin("search-0000")
    process = study.take_up("search-0000")
    first, last = process.step(), process.step()
    process.cleanup()
    assert [(each["point"], each["done"], each["status"]) for each in (first, last)] == [
        (0.064, False, "running"), (0.128, True, "completed"),
    ]  # fmt: skip
    assert (first["batch_parts"], first["memory_gib"]) == (1, None)
    assert trial.status() is Status.COMPLETED
    assert [line["point"] for line in trial.measurements()] == [0.064, 0.128]


@pytest.mark.parametrize("cpus", [1, 2])
def test_threads_are_the_trials_cpus_and_do_not_spin(study, cpus):
    study.begin("search-0000")
    study.take_up("search-0000", cpus=cpus)
    assert torch.get_num_threads() == cpus
    assert int(os.environ["GOMP_SPINCOUNT"]) <= 10_000


def test_a_process_pays_for_dataset_and_reference_once_and_keeps_no_trial(study, monkeypatch):
    opened, made, trainers = [], [], []
    begin, measure, open_dataset = Trainer.__init__, Evaluator.__init__, trainable.open_dataset

    def noted(trainer, *arguments):
        trainers.append(weakref.ref(trainer))
        begin(trainer, *arguments)

    def evaluating(evaluator, *arguments):
        made.append(evaluator)
        measure(evaluator, *arguments)

    def opening(*arguments):
        opened.append(arguments)
        return open_dataset(*arguments)

    trainable._dataset.cache_clear()
    trainable._evaluator.cache_clear()
    monkeypatch.setattr(Trainer, "__init__", noted)
    monkeypatch.setattr(Evaluator, "__init__", evaluating)
    monkeypatch.setattr(trainable, "open_dataset", opening)
    names = [f"search-000{number}" for number in range(3)]
    for name in names:
        study.begin(name)
    process = study.take_up(names[0])
    for name in names:
        if name != names[0]:
            assert process.reset_config(study.config(name))
            assert [each() for each in trainers] == [None] * len(trainers)
        while not process.step()["done"]:
            pass
    process.cleanup()
    trainable._dataset.cache_clear()
    trainable._evaluator.cache_clear()
    assert (len(opened), len(made), len(trainers)) == (1, 1, 3)


def test_a_trial_given_up_half_way_is_free_for_another_process(study, monkeypatch):
    """Tune takes the process for another trial; the first trial's lock is open at once."""
    monkeypatch.setattr(ownership, "TAKE_OVER_SECONDS", 0.0)
    study.begin("search-0000")
    study.begin("search-0001")
    first, second = study.take_up("search-0000"), study.take_up("search-0000")
    first.step()
    first.reset_config(study.config("search-0001"))
    assert [second.step()["done"], second.step()["done"]] == [False, True]
    second.cleanup()


def test_one_that_lost_its_trial_raises_and_writes_nothing(study, monkeypatch):
    monkeypatch.setattr(ownership, "TAKE_OVER_SECONDS", 0.0)
    trial = study.begin("search-0000")
    orphan, owner = study.take_up("search-0000"), study.take_up("search-0000")
    orphan.step()
    owner.step()
    with pytest.raises(LostOwnershipError):
        orphan.step()
    orphan.cleanup()
    assert not (trial.path / "traceback.txt").exists()
    assert trial.status() is Status.RUNNING
    assert owner.step()["done"]
    owner.cleanup()
    assert [line["point"] for line in trial.measurements()] == [0.064, 0.128]


def test_lack_of_memory_divides_the_batch(study, monkeypatch):
    trunk = Discriminator.trunk

    def small(network, batch):
        if len(batch) > 16 and network.training and torch.is_grad_enabled():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return trunk(network, batch)

    monkeypatch.setattr(Discriminator, "trunk", small)
    trial = study.begin("search-0000")
    process = study.take_up("search-0000")
    assert process.step()["batch_parts"] == 4
    process.cleanup()
    assert trial.spec().config.config_id == trial.label()["config_id"]


def test_one_that_never_fits_ends_out_of_memory(study, monkeypatch):
    def none(network, batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Discriminator, "trunk", none)
    trial = study.begin("search-0000")
    assert study.take_up("search-0000").step() == {
        "status": "out_of_memory", "done": True, "kimg": 0.0, "quality": float("inf"),
    }  # fmt: skip
    assert trial.status() is Status.OUT_OF_MEMORY
    assert "with 4 images at once" in trial.reason()


def test_one_that_cannot_fit_is_refused_before_it_begins(study, monkeypatch):
    monkeypatch.setattr(trainable, "available_gib", lambda device, share: 0.001)
    trial = study.begin("search-0000")
    assert study.take_up("search-0000").step()["status"] == "out_of_memory"
    assert trial.reason().startswith("not begun: it needs about 0.0")
    assert trial.reason().endswith("GiB even with the smallest parts of a batch, and this machine has 0.00")
    assert not (trial.path / "owner.json").exists()


def test_one_that_fits_in_parts_begins_in_them(study, monkeypatch):
    monkeypatch.setattr(trainable, "fitting_parts", lambda config, shape, gib: 2)
    study.begin("search-0000")
    process = study.take_up("search-0000")
    assert process.step()["batch_parts"] == 2
    process.cleanup()


def test_one_that_has_ended_meanwhile_is_not_trained(study):
    """Given up by the driver, or stopped, while it waited for a process."""
    trial = study.begin("search-0000")
    trial.end(Status.FAILED, "again and again")
    process = study.take_up("search-0000")
    assert process.step() == {"status": "failed", "done": True, "kimg": 0.0, "quality": float("inf")}
    process.cleanup()
    assert not (trial.path / "owner.json").exists()


def test_checkpoints_come_as_the_study_asks(study, monkeypatch):
    saved = []
    save = trainable.run_trial.__globals__["save_checkpoint"]

    def noted(trainer, *arguments):
        saved.append(trainer.images_seen)
        return save(trainer, *arguments)

    monkeypatch.setitem(trainable.run_trial.__globals__, "save_checkpoint", noted)
    study.begin("search-0000")
    process = study.take_up("search-0000", checkpoint_kimg=0.032, checkpoint_minutes=None)
    process.step()
    process.cleanup()
    assert saved == [32, 64]


def test_its_owner_is_written_down(study):
    trial = study.begin("search-0000")
    process = study.take_up("search-0000")
    process.step()
    process.cleanup()
    assert read_json(trial.path / "owner.json", "token")["pid"] == os.getpid()
