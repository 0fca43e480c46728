import numpy as np
import pytest
import torch
from torch import nn

from ignm.initialisation.reconstruction import LatentTable, laplacian_pyramid_l1

CPU = torch.device("cpu")


def table(count=10, latent=8, seed=0):
    return LatentTable(count, latent, torch.Generator().manual_seed(seed), CPU)


def test_latents_are_drawn_evenly_over_the_sphere():
    latents = table(4000, 16).latents
    torch.testing.assert_close(latents.norm(dim=1), torch.full((4000,), 4.0))
    # On that sphere each coordinate has variance 1; the mean of 4,000 has a standard error of 0.016.
    assert latents.mean(dim=0).abs().max() < 0.07
    assert (latents.square().mean(dim=0) - 1).abs().max() < 0.1
    assert torch.equal(latents, table(4000, 16).latents)
    assert not torch.equal(latents, table(4000, 16, seed=1).latents)


@pytest.mark.parametrize("indices", [np.array([3, 1]), torch.tensor([3, 1])])
def test_rows_are_leaves_of_their_own(indices):
    learnt = table()
    rows = learnt.rows(indices)
    assert rows.is_leaf
    assert rows.requires_grad
    assert torch.equal(rows, learnt.latents[[3, 1]])
    rows.square().sum().backward()
    torch.testing.assert_close(rows.grad, 2 * learnt.latents[[3, 1]])
    with torch.no_grad():
        rows.zero_()
    assert not learnt.latents.requires_grad
    assert learnt.latents.norm(dim=1).min() > 1


def test_a_move_is_a_step_of_descent_then_the_projection():
    learnt, before = table(), table().latents
    gradient = torch.randn(2, 8)
    learnt.move(np.array([4, 0]), gradient, 0.5)
    stepped = (before[[4, 0]].double() - 0.5 * gradient.double()).numpy()
    expected = stepped / np.linalg.norm(stepped, axis=1, keepdims=True) * np.sqrt(8)
    np.testing.assert_allclose(learnt.latents[[4, 0]].numpy(), expected, rtol=1e-5, atol=1e-6)
    others = [row for row in range(10) if row not in (0, 4)]
    assert torch.equal(learnt.latents[others], before[others])


def test_gradients_of_one_image_twice_in_a_batch_are_summed():
    twice, once = table(), table()
    gradient = torch.randn(4, 8)
    twice.move(np.array([7, 2, 7, 7]), gradient, 0.3)
    once.move(np.array([7, 2]), torch.stack([gradient[[0, 2, 3]].sum(dim=0), gradient[1]]), 0.3)
    torch.testing.assert_close(twice.latents, once.latents)


def test_the_state_is_continued_from_and_not_shared():
    learnt, other = table(seed=0), table(seed=1)
    other.load_state(learnt.state())
    assert torch.equal(other.latents, learnt.latents)
    other.move(np.array([0]), torch.ones(1, 8), 1.0)
    assert not torch.equal(other.latents, learnt.latents)
    with pytest.raises(ValueError, match="10, 8"):
        other.load_state(table(count=9).state())


def pyramid_by_hand(image):
    """Burt and Adelson's levels of a float64 image (R, R), by explicit sums."""
    kernel = np.array([1, 4, 6, 4, 1]) / 16

    def blur(x):
        padded = np.pad(x, 2, mode="reflect")
        rows = sum(k * padded[:, i : i + x.shape[1]] for i, k in enumerate(kernel))
        return sum(k * rows[i : i + x.shape[0]] for i, k in enumerate(kernel))

    levels = []
    while len(image) > 4:
        coarser = blur(image)[::2, ::2]
        spread = np.zeros_like(image)
        spread[::2, ::2] = coarser
        levels.append(image - 4 * blur(spread))
        image = coarser
    return [*levels, image]


def test_the_loss_is_equation_2_over_the_number_of_values():
    x, y = torch.randn(2, 3, 2, 16, 16, dtype=torch.float64).unbind()
    total = 0.0
    for image, target in zip(x.flatten(0, 1).numpy(), y.flatten(0, 1).numpy(), strict=True):
        levels = zip(pyramid_by_hand(image), pyramid_by_hand(target), strict=True)
        total += sum(4**j * np.abs(a - b).sum() for j, (a, b) in enumerate(levels))
    assert laplacian_pyramid_l1(x, y).item() == pytest.approx(total / x.numel(), rel=1e-12)


@pytest.mark.parametrize("resolution", [16, 32, 64, 128])
def test_a_constant_difference_is_its_size_at_every_resolution(resolution):
    images = torch.randn(2, 3, resolution, resolution, dtype=torch.float64)
    assert laplacian_pyramid_l1(images + 0.25, images).item() == pytest.approx(0.25, rel=1e-9)
    assert laplacian_pyramid_l1(images, images).item() == 0.0


def test_a_smooth_image_enlarged_is_as_far_away():
    rows = torch.linspace(-1, 1, 256, dtype=torch.float64)
    large = (torch.sin(3 * rows)[:, None] * torch.cos(2 * rows)[None])[None, None]
    distances = [
        laplacian_pyramid_l1(nn.functional.avg_pool2d(large, 256 // size), torch.zeros((), dtype=large.dtype))
        for size in (32, 64, 128)
    ]
    assert max(distances) / min(distances) < 1.05


def test_the_loss_has_the_gradient_that_differences_give():
    torch.manual_seed(0)
    images = torch.randn(1, 1, 16, 16, dtype=torch.float64, requires_grad=True)
    targets = torch.randn(1, 1, 16, 16, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: laplacian_pyramid_l1(x, targets), images, eps=1e-7)


def test_autocast_does_not_round_the_loss():
    x, y = torch.randn(2, 2, 3, 32, 32).unbind()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(laplacian_pyramid_l1(x, y), laplacian_pyramid_l1(x, y))
        inside = laplacian_pyramid_l1(x, y)
    assert torch.equal(inside, laplacian_pyramid_l1(x, y))
    assert laplacian_pyramid_l1(x.bfloat16(), y).dtype == torch.float32


def test_a_generator_and_its_latents_learn_to_reconstruct_images():
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Linear(8, 16 * 16), nn.Unflatten(1, (16, 4, 4)), nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1), nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1), nn.Tanh(),
    )  # fmt: skip
    # Faces of a kind: a disc whose place and brightness differ.
    grid = torch.linspace(-1, 1, 16)
    places = torch.rand(40, 2) - 0.5
    distance = (grid[None, :, None] - places[:, :1, None]) ** 2 + (grid[None, None] - places[:, 1:, None]) ** 2
    images = (2 * torch.exp(-4 * distance) - 1)[:, None]

    def train(moving):
        network = [layer.weight.detach().clone() for layer in generator if hasattr(layer, "weight")]
        learnt = table(40)
        optimiser = torch.optim.Adam(generator.parameters(), lr=5e-3)
        losses = []
        for step in range(150):
            indices = (torch.arange(10) + 10 * step) % 40
            rows = learnt.rows(indices)
            loss = laplacian_pyramid_l1(generator(rows), images[indices])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if moving:
                learnt.move(indices, rows.grad * len(rows), 1.0)
            losses.append(loss.item())
        with torch.no_grad():
            for layer, old in zip((each for each in generator if hasattr(each, "weight")), network, strict=True):
                layer.weight.copy_(old)
        return losses

    moved, still = train(moving=True), train(moving=False)
    assert np.mean(moved[-10:]) < 0.4 * np.mean(moved[:4])
    assert np.mean(moved[-10:]) < 0.9 * np.mean(still[-10:])
