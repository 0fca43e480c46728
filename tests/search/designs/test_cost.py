"""What an arm computes, from which its time is foreseen where it has not been timed."""

import pytest

from ignm.config import load_preset
from ignm.losses.penalties import PENALTIES
from ignm.models.description import describe_config
from ignm.models.shape import DataShape
from search.designs.cost import work

SHAPE = DataShape(3)
SMALL = {"data.resolution": 16, "generator.width": 8, "discriminator.width": 8, "discriminator.normalisation": "layer"}


@pytest.mark.parametrize("interval", [1, 4])
@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_a_penalty_adds_two_passes_more_for_each_batch_that_it_looks_at(name, interval):
    """Forward, backward, and the backward of both: 6 times the discriminator, once in `interval` steps."""
    plain, penalised = (
        load_preset("dcgan", SMALL | {"loss.penalty": penalty, "loss.interval": interval}) for penalty in (None, name)
    )
    adds = describe_config(penalised, SHAPE)["discriminator"].multiply_adds
    more = work(penalised, SHAPE)[0] - work(plain, SHAPE)[0]
    assert more == pytest.approx(6 * (2 if name == "r1_r2" else 1) * adds / interval)


def test_clipping_costs_nothing():
    plain, clipped = (load_preset("dcgan", SMALL | {"loss.penalty": penalty}) for penalty in (None, "clipping"))
    assert work(clipped, SHAPE) == work(plain, SHAPE)
