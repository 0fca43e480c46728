"""The engine on a GPU (make test-gpu)."""

import pytest
import torch

from ignm.config import override
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]


def test_two_runs_are_equal_bit_for_bit(tiny_config, tiny_images):
    config = override(tiny_config, {"augment.policy": "diffaugment", "optim.precision": "auto"})
    states = []
    for _ in range(2):
        trainer = Trainer(config, TrainingSet.of(tiny_images), 0, torch.device("cuda"))
        trainer.advance(0.4)
        states.append(trainer.average.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_bf16_is_used_where_the_gpu_has_it(tiny_config, tiny_images):
    config = override(tiny_config, {"optim.precision": "auto"})
    trainer = Trainer(config, TrainingSet.of(tiny_images), 0, torch.device("cuda"))
    assert trainer.precision == ("bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32")
