import pytest
import torch
from support.waiting import NoWaiting, ReadBackError

from ignm.augmentation.adaptive import AdaptiveStrength

CPU = torch.device("cpu")


def logits(share, count=10):
    """A batch of which `share` is judged real."""
    return torch.where(torch.arange(count) < share * count, 3.0, -2.0)


def adaptive(target=0.6, kimg=1.0, batch=10):
    return AdaptiveStrength(target, kimg, batch, CPU)


def test_every_four_steps_it_moves_by_the_images_over_adapt_kimg():
    ours, strengths = adaptive(), []
    # Mean signs: 1.0 (up), 0.2 (down), 0.8 over four steps together (up), 0.6 (stay).
    for share in (1, 1, 1, 1, 0.6, 0.6, 0.6, 0.6, 1, 1, 1, 0.6, 0.8, 0.8, 0.8, 0.8):
        ours.observe(logits(share))
        strengths.append(round(float(ours.strength), 6))
    assert strengths == [0, 0, 0, 0.04, 0.04, 0.04, 0.04, 0, 0, 0, 0, 0.04, 0.04, 0.04, 0.04, 0.04]


def test_adapt_kimg_of_images_take_it_from_0_to_1_and_it_stays_within():
    ours = adaptive(kimg=2.0, batch=20)
    for _ in range(96):
        ours.observe(logits(1.0))
    assert float(ours.strength) == pytest.approx(0.96)
    for _ in range(20):
        ours.observe(logits(1.0))
    assert float(ours.strength) == 1.0
    for _ in range(200):
        ours.observe(logits(0.0))
    assert float(ours.strength) == 0.0


def test_a_peer_formula_over_a_random_run():
    """sign(mean sign - target) * (batch * interval) / (kimg * 1000), clamped."""
    source = torch.Generator().manual_seed(0)
    ours, p, signs = AdaptiveStrength(0.1, 3.0, 16, CPU), 0.0, []
    for step in range(1, 401):
        batch = torch.randn(16, generator=source) + 0.2
        ours.observe(batch)
        signs += batch.sign().tolist()
        if step % 4 == 0:
            mean, signs = sum(signs) / len(signs), []
            p = min(max(p + (1 if mean > 0.1 else -1) * 16 * 4 / 3000, 0.0), 1.0)
        assert float(ours.strength) == pytest.approx(p, abs=1e-5)


@pytest.mark.parametrize("stop", [3, 4, 6])
def test_it_goes_on_from_its_state(stop):
    source = torch.Generator().manual_seed(0)
    batches = list(torch.randn(20, 16, generator=source) + 1.0)
    whole, first, second = adaptive(), adaptive(), adaptive()
    for batch in batches:
        whole.observe(batch)
    for batch in batches[:stop]:
        first.observe(batch)
    kept = first.state()
    before = {key: value.clone() if isinstance(value, torch.Tensor) else value for key, value in kept.items()}
    first.observe(batches[stop])
    assert kept == before
    second.load_state(kept)
    for batch in batches[stop:]:
        second.observe(batch)
    assert torch.equal(whole.strength, second.strength)
    assert whole.state() == second.state()


def test_nothing_waits_for_the_device():
    ours, batch = adaptive(), logits(1.0)
    with NoWaiting():
        for _ in range(9):
            ours.observe(batch.bfloat16().requires_grad_(True))
        with pytest.raises(ReadBackError):
            float(ours.strength)
