"""Diversity as the mean likeness of two generated images: MS-SSIM, and LPIPS where its weights are."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ignm.errors import IgnmError
from ignm.files import digest_of
from ignm.metrics.estimate import Estimate, mean_of

PAIRS = 1000
"""Pairs that are compared; no image is in two of them, so that their likenesses are independent."""
PAIRS_AT_ONCE = 100
BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, DEVIATION = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
PATCH_SIDE = 64
"""LPIPS was calibrated on patches of this side; smaller images are enlarged to it."""
ALEXNET = "alexnet-owt-7be5be79.pth"
ALEXNET_HASH = "7be5be79"
"""How the SHA-256 of torchvision's file begins, which its name says."""

Likeness = Callable[[Tensor, Tensor], Tensor]


def mean_over_pairs(images: Tensor, likeness: Likeness) -> Estimate:
    """Mean likeness of images 0 and 1, 2 and 3, ... of uint8 images (N, C, H, W), at most PAIRS pairs.

    ValueError with fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"a pair needs 2 images, got {len(images)}")
    one, other = images[: 2 * PAIRS].split(len(images[: 2 * PAIRS]) // 2 * 2)[0].unflatten(0, (-1, 2)).unbind(1)
    parts = zip(one.split(PAIRS_AT_ONCE), other.split(PAIRS_AT_ONCE), strict=True)
    with torch.no_grad():
        return mean_of(torch.cat([likeness(first, second) for first, second in parts]))


def ms_ssim(one: Tensor, other: Tensor) -> Tensor:
    """Multi-scale structural similarity (N,), 0..1, of uint8 images (N, C, H, W): 1 for equal images.

    Of the five scales those are used whose map holds the 11x11 window: 5 from 176 pixels on, 3 at 64, 2 at 32; their
    exponents are divided by their sum. So values of two resolutions are not comparable. Windows lie within the image,
    as published; torchmetrics 1.9 reflects the border at the last scale, which at 16x16 is most of what it sees.
    ValueError under a side of 11.

    Source: Wang et al. 2003, "Multiscale structural similarity"; Odena et al. 2017 for its use on pairs.
    """
    betas = _betas(min(one.shape[-2:]))
    first, second = one.float(), other.float()
    likeness = one.new_ones(len(one), dtype=torch.float32)
    for scale, beta in enumerate(betas):
        whole, structure = _ssim(first, second)
        last = scale == len(betas) - 1
        likeness = likeness * (whole if last else structure).clamp(min=0) ** beta
        first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
    return likeness


def _ssim(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Mean similarity (N,) over all windows, and that of contrast and structure alone (Wang et al. 2004, eq. 12-13)."""
    mean, other_mean = _windowed(one), _windowed(other)
    variances = _windowed(one.square()) - mean.square() + _windowed(other.square()) - other_mean.square()
    structure = (2 * (_windowed(one * other) - mean * other_mean) + C2) / (variances.clamp(min=0) + C2)
    luminance = (2 * mean * other_mean + C1) / (mean.square() + other_mean.square() + C1)
    return (luminance * structure).mean((1, 2, 3)), structure.mean((1, 2, 3))


def _windowed(planes: Tensor) -> Tensor:
    """Gaussian means of all windows that lie within the image."""
    offsets = torch.arange(WINDOW, dtype=planes.dtype, device=planes.device) - WINDOW // 2
    line = torch.exp(-offsets.square() / (2 * DEVIATION**2))
    each = planes.flatten(0, 1).unsqueeze(1)
    rows = F.conv2d(each, (line / line.sum()).view(1, 1, 1, -1))
    return F.conv2d(rows, (line / line.sum()).view(1, 1, -1, 1)).unflatten(0, planes.shape[:2]).squeeze(2)


def _betas(side: int) -> tuple[float, ...]:
    if side < WINDOW:
        raise ValueError(f"MS-SSIM needs a side of {WINDOW} or more, got {side}")
    used = BETAS[: sum(side >> scale >= WINDOW for scale in range(len(BETAS)))]
    return tuple(beta / sum(used) for beta in used)


class Lpips(nn.Module):
    """Learned perceptual distance (N,) of uint8 images (N, C, H, W): 0 for equal ones, about 0.7 for unlike ones.

    Source: Zhang et al. 2018, "The unreasonable effectiveness of deep features", AlexNet, version 0.1.
    """

    def __init__(self, weights: dict[str, Tensor]) -> None:
        try:
            from torchmetrics.functional.image.lpips import _LPIPS
        except ImportError:
            raise IgnmError(
                "evaluation.metrics: lpips needs the package torchmetrics, which holds its calibration; install "
                "torchmetrics 1.9, or leave lpips out (ms_ssim needs no package)"
            ) from None
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # its weights are drawn before they are read
            self.network = _LPIPS(net="alex", pnet_rand=True)
        features = {key.removeprefix("features."): value for key, value in weights.items() if "features." in key}
        slices = (getattr(self.network.net, f"slice{number}") for number in range(1, 6))
        for name, layer in (pair for part in slices for pair in part.named_children()):
            layer.load_state_dict({key: features[f"{name}.{key}"] for key in layer.state_dict()})
        self.requires_grad_(False)
        self.eval()

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Distance of each pair."""
        first, second = (_for_lpips(images) for images in (one, other))
        distance: Tensor = self.network(first, second)
        return distance.flatten()


def _for_lpips(images: Tensor) -> Tensor:
    scaled = images.expand(-1, 3, -1, -1).float() / 127.5 - 1
    if min(images.shape[-2:]) >= PATCH_SIDE:
        return scaled
    return F.interpolate(scaled, (PATCH_SIDE, PATCH_SIDE), mode="bilinear", align_corners=False)


def build_lpips() -> Lpips:
    """LPIPS with the AlexNet weights that IGNM_LPIPS names; IgnmError where it names none, or another file."""
    named = os.environ.get("IGNM_LPIPS")
    wanted = f"torchvision's AlexNet weights, {ALEXNET}"
    if not named:
        raise IgnmError(
            f"evaluation.metrics: lpips needs {wanted}, which are downloaded from nowhere: set IGNM_LPIPS to a copy "
            "of that file, or leave lpips out (ms_ssim needs no weights)"
        )
    try:
        path = Path(named).expanduser()
        found = digest_of(path)
    except (OSError, RuntimeError) as error:
        raise IgnmError(f"IGNM_LPIPS names {named}, which cannot be read: {error}; it must be {wanted}") from None
    if not found.startswith(ALEXNET_HASH):
        raise IgnmError(
            f"IGNM_LPIPS: {named} is another file: its SHA-256 is {found}, and must begin with {ALEXNET_HASH}; "
            f"replace it by {wanted}"
        )
    return Lpips(torch.load(path, map_location="cpu", weights_only=True))
