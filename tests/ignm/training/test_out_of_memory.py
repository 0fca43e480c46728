"""Lack of memory, caused: the trial goes on in parts of its batches, or ends where even the smallest do not fit."""

import gc
import weakref

import pytest
import torch
from support.trials import Killed, equal, final_state, killed_after, run, spec

from ignm.config import override
from ignm.errors import IgnmError
from ignm.models.discriminator import Discriminator
from ignm.training import trial
from ignm.training.checkpoint import open_checkpoint
from ignm.training.measurement import read_measurements
from ignm.training.out_of_memory import DoesNotFitError, is_out_of_memory
from ignm.training.progress import CheckpointEvery
from ignm.training.trainer import Trainer

POINTS = (0.08, 0.16)
BATCH = {"optim.batch": 16}
ERRORS = {
    "torch on a GPU": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "python": MemoryError("no memory"),
    "torch on a CPU": RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
    "a CPU library": RuntimeError("could not create a primitive"),
    "a CUDA library": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
}


@pytest.fixture
def room_for(monkeypatch):
    """Have the discriminator's passes fail above so many images, from the n-th pass on."""

    def limit(images, error=ERRORS["torch on a GPU"], after=0):
        trunk, passes = Discriminator.trunk, [0]

        def small(network, batch):
            passes[0] += 1
            if passes[0] > after and len(batch) > images:
                raise type(error)(*error.args)  # a fresh one, which holds on to nothing else
            return trunk(network, batch)

        monkeypatch.setattr(Discriminator, "trunk", small)
        return passes

    return limit


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_trial_that_does_not_fit_goes_on_in_parts(tmp_path, tiny_config, dataset, room_for, error, caplog):
    room_for(16, error)  # real and generated images of half a batch
    made = list(run(spec(override(tiny_config, BATCH), POINTS), dataset, tmp_path))
    assert [(each.point, each.batch_parts) for each in made] == [(0.08, 2), (0.16, 2)]
    assert open_checkpoint(tmp_path).config.config_id == override(tiny_config, BATCH).config_id
    assert "out of memory" in caplog.text
    assert "in 2 parts" in caplog.text


def test_it_goes_on_from_its_last_checkpoint_and_yields_nothing_twice(
    tmp_path, tiny_config, dataset, room_for, monkeypatch
):
    """Memory runs short after the checkpoint at 112 images: as in a run killed there and begun in four parts."""
    wanted, every = spec(override(tiny_config, BATCH), POINTS), CheckpointEvery(kimg=0.112, minutes=None)
    with monkeypatch.context() as patched:
        killed_after(patched, 2)
        with pytest.raises(Killed):
            list(run(wanted, dataset, tmp_path / "told", checkpoints=every))
    assert open_checkpoint(tmp_path / "told").images_seen == 112
    list(run(wanted, dataset, tmp_path / "told", batch_parts=4))

    passes = room_for(8, after=10**9)
    running = run(wanted, dataset, tmp_path / "short", checkpoints=every)
    assert next(running).batch_parts == 1
    passes[0] = 10**9 - 5  # two steps of two passes, then one of the third
    assert [(each.point, each.batch_parts) for each in running] == [(0.16, 4)]
    lines = read_measurements(tmp_path / "short" / "measurements.jsonl")
    assert [(line["point"], line["batch_parts"]) for line in lines] == [(0.08, 1), (0.16, 4)]
    assert equal(final_state(tmp_path / "short"), final_state(tmp_path / "told"))


def test_parts_are_kept_for_those_who_go_on(tmp_path, tiny_config, dataset, room_for):
    wanted = spec(override(tiny_config, BATCH), POINTS)
    whole = list(run(wanted, dataset, tmp_path / "whole", batch_parts=2))
    room_for(16)
    broken = run(wanted, dataset, tmp_path / "broken")
    next(broken)
    broken.close()
    resumed = list(run(wanted, dataset, tmp_path / "broken"))
    assert [each.quality for each in resumed] == [each.quality for each in whole]
    assert equal(final_state(tmp_path / "whole"), final_state(tmp_path / "broken"))


@pytest.mark.parametrize(("batch", "fewest"), [(16, 4), (8, 4), (7, 7)])
def test_one_that_never_fits_ends_with_the_numbers(tmp_path, tiny_config, dataset, room_for, batch, fewest):
    passes = room_for(1)
    with pytest.raises(DoesNotFitError, match=rf"with {fewest} images at once.* batch of {batch} .*CUDA out of memory"):
        list(run(spec(override(tiny_config, {"optim.batch": batch}), POINTS), dataset, tmp_path))
    assert passes[0] == {16: 3, 8: 2, 7: 1}[batch]
    assert issubclass(DoesNotFitError, IgnmError)
    assert not list(tmp_path.glob("checkpoint-*"))


def test_what_the_failed_attempt_held_is_let_go_of_before_the_next(
    tmp_path, tiny_config, dataset, room_for, monkeypatch
):
    trainers, alive = [], []
    begin = Trainer.__init__

    def noted(trainer, *arguments):
        gc.disable()  # only what is let go of on purpose counts
        alive.append([each() is not None for each in trainers])
        trainers.append(weakref.ref(trainer))
        begin(trainer, *arguments)

    monkeypatch.setattr(Trainer, "__init__", noted)
    room_for(8)
    try:
        list(run(spec(override(tiny_config, BATCH), POINTS), dataset, tmp_path))
    finally:
        gc.enable()
    assert alive == [[], [False], [False, False]]


def test_a_measurement_that_does_not_fit_is_tried_again_too(tmp_path, tiny_config, dataset, monkeypatch):
    measure, calls = trial.measure, []

    def short(trainer, *arguments):
        calls.append(trainer.batch_parts)
        if trainer.batch_parts == 1:
            raise MemoryError
        return measure(trainer, *arguments)

    monkeypatch.setattr(trial, "measure", short)
    made = list(run(spec(override(tiny_config, BATCH), POINTS), dataset, tmp_path))
    assert (calls, [each.batch_parts for each in made]) == ([1, 2, 2], [2, 2])


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("out of memory"), KeyError("x")])
def test_other_errors_are_not_taken_for_it(tmp_path, tiny_config, dataset, room_for, error):
    assert not is_out_of_memory(error)
    passes = room_for(1, error)
    with pytest.raises(type(error)):
        list(run(spec(tiny_config, POINTS), dataset, tmp_path))
    assert passes[0] == 1


def test_an_allocation_that_the_system_refuses_counts():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**46)
    assert is_out_of_memory(caught.value)
