"""Weight clipping."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ignm.losses.clipping import clip_weights


@settings(max_examples=25, deadline=None, derandomize=True)
@given(clip=st.floats(1e-3, 10), seed=st.integers(0, 2**31))
def test_weights_within_stay_and_those_beyond_go_to_the_bound(clip, seed):
    weights = torch.randn(50, generator=torch.Generator().manual_seed(seed)) * clip
    parameter = nn.Parameter(weights.clone())
    clip_weights([parameter], clip)
    beyond = weights.abs() > clip
    assert torch.equal(parameter[~beyond], weights[~beyond])
    torch.testing.assert_close(parameter[beyond].detach(), clip * weights[beyond].sign())


def test_every_parameter_is_clipped_in_place_and_stays_a_leaf_that_learns():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    before = [parameter.data_ptr() for parameter in network.parameters()]
    clip_weights(network.parameters(), 0.01)
    assert all(parameter.abs().max() <= 0.01 for parameter in network.parameters())
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in network.parameters())
    assert before == [parameter.data_ptr() for parameter in network.parameters()]


@pytest.mark.parametrize("clip", [0.0, -1.0, float("nan")])
def test_a_bound_that_is_not_above_zero_is_refused(clip):
    parameter = nn.Parameter(torch.ones(3))
    with pytest.raises(ValueError, match="above 0"):
        clip_weights([parameter], clip)
    assert torch.equal(parameter, torch.ones(3))
