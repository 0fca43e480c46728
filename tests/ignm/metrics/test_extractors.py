import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from cleanfid.resize import build_resizer

from ignm.errors import IgnmError
from ignm.metrics.extractors import build_extractor, choose_extractor, inception
from ignm.metrics.extractors.inception import clean_resize


class Pooled(torch.nn.Module):
    """Stands in for Inception's layers: pooled channels and one term that shows a live batch norm."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(3)

    def forward(self, images):
        return self.norm(images).mean((2, 3), keepdim=True)


class StandIn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = Pooled()

    def forward(self, images):
        return self.layers(images)


def images(count=4, channels=3, side=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, side, side), generator=generator, dtype=torch.uint8)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("IGNM_INCEPTION", raising=False)
    monkeypatch.setenv("IGNM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(inception, "URL", (tmp_path / "nowhere.pt").as_uri())
    return tmp_path / "home"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    path = tmp_path / "stand-in.pt"
    torch.jit.script(StandIn().train()).save(path)
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_resize_equals_clean_fids():
    resizer = build_resizer("clean")
    for side in (32, 64, 400):
        picture = images(1, 3, side, seed=side)
        expected = resizer(picture[0].permute(1, 2, 0).numpy())
        found = clean_resize(picture, 299)[0].permute(1, 2, 0).numpy()
        assert np.abs(found - expected).max() < 0.004


def test_inception_runs_cleanfids_preprocessing_in_eval_mode(home, weights, monkeypatch):
    monkeypatch.setenv("IGNM_INCEPTION", str(weights))
    extractor = build_extractor("inception").train()
    pictures = images()

    found = extractor(pictures)

    resized = torch.stack(
        [
            torch.from_numpy(build_resizer("clean")(picture.permute(1, 2, 0).numpy())).permute(2, 0, 1)
            for picture in pictures
        ]
    )
    expected = ((resized - 128) / 128).mean((2, 3)) / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert (extractor.metric, extractor.dim) == ("fid", 2048)


def test_a_grey_image_is_its_replicated_colour_image(home, weights, monkeypatch):
    monkeypatch.setenv("IGNM_INCEPTION", str(weights))
    grey = images(channels=1)
    for name in ("inception", "scatter"):
        extractor = build_extractor(name)
        torch.testing.assert_close(extractor(grey), extractor(grey.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("side", [16, 28, 32, 64, 128])
def test_scatter_gives_its_dim_at_every_resolution(side):
    extractor = build_extractor("scatter")
    features = extractor(images(side=side))
    assert features.shape == (4, extractor.dim)
    assert features.dtype == torch.float32
    assert features.isfinite().all()
    assert not features.requires_grad
    torch.testing.assert_close(extractor(images(side=side)[1:2]), features[1:2])


def test_every_feature_of_scatter_has_a_floor():
    scatter = build_extractor("scatter")
    floor = scatter.scale(torch.zeros(scatter.dim, dtype=torch.float64))
    assert (floor > 0).all()
    variance = torch.full((scatter.dim,), 0.25, dtype=torch.float64)
    assert torch.equal(scatter.scale(variance), variance.sqrt())


def test_scatter_is_finite_and_constant_on_flat_images():
    features = build_extractor("scatter")(torch.stack([torch.full((3, 32, 32), v) for v in (0, 100, 255)]).byte())
    torch.testing.assert_close(features[:, :64], torch.tensor([0, 100 / 255, 1]).view(3, 1).expand(3, 64))
    assert (features[:, 64:96].abs() < 1e-6).all()
    torch.testing.assert_close(features[:, 96:], torch.full((3, 168), float(np.log(0.01))), atol=1e-3, rtol=0)


def test_a_surrounding_autocast_does_not_change_features():
    extractor = build_extractor("scatter")
    with torch.autocast("cpu", torch.bfloat16):
        inside = extractor(images())
    assert torch.equal(inside, extractor(images()))


def test_building_and_running_leave_the_global_rng_alone(home, weights, monkeypatch):
    monkeypatch.setenv("IGNM_INCEPTION", str(weights))
    before = torch.get_rng_state()
    for name in ("inception", "scatter"):
        build_extractor(name)(images())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("wrong", [images().float(), images()[0], images(channels=4)[:, :4]])
def test_other_than_uint8_image_batches_are_refused(wrong):
    with pytest.raises(ValueError, match="uint8 images"):
        build_extractor("scatter")(wrong)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(IgnmError, match=r"'vgg'.*inception, scatter"):
        build_extractor("vgg")


def test_the_choice_is_inception_only_when_its_weights_are_there(home, weights):
    assert choose_extractor() == "scatter"
    target = home / "weights" / inception.FILE
    target.parent.mkdir(parents=True)
    target.write_bytes(weights.read_bytes())
    assert choose_extractor() == "inception"


def test_weights_with_another_hash_are_refused(home, weights, monkeypatch):
    weights.write_bytes(weights.read_bytes() + b"x")
    monkeypatch.setenv("IGNM_INCEPTION", str(weights))
    with pytest.raises(IgnmError, match="SHA-256"):
        choose_extractor()


def test_a_named_file_that_is_missing_is_an_error_and_not_another_metric(home, monkeypatch):
    monkeypatch.setenv("IGNM_INCEPTION", str(home / "absent.pt"))
    with pytest.raises(IgnmError, match="IGNM_INCEPTION"):
        choose_extractor()


def test_without_weights_and_network_the_error_says_what_to_do(home):
    with pytest.raises(IgnmError, match=r"IGNM_INCEPTION.*'scatter'"):
        build_extractor("inception")
    assert not (home / "weights" / inception.FILE).exists()


def test_a_download_is_hash_checked_and_whole_or_absent(home, weights, monkeypatch):
    monkeypatch.setattr(inception, "URL", weights.as_uri())
    good = weights.read_bytes()
    weights.write_bytes(good[:-10])
    with pytest.raises(IgnmError, match="SHA-256"):
        build_extractor("inception")
    assert not [path for path in (home / "weights").iterdir() if path.suffix != ".lock"]

    weights.write_bytes(good)
    assert build_extractor("inception")(images()).shape == (4, 3)
    assert (home / "weights" / inception.FILE).read_bytes() == good


def test_without_a_home_folder_the_message_says_what_to_set(monkeypatch):
    def no_home(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("IGNM_HOME", raising=False)
    monkeypatch.delenv("IGNM_INCEPTION", raising=False)
    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(IgnmError, match="Set IGNM_HOME"):
        choose_extractor()


def test_a_named_file_in_nobodys_home_is_an_error(home, monkeypatch):
    monkeypatch.setenv("IGNM_INCEPTION", "~nobody-of-this-name/weights.pt")
    with pytest.raises(IgnmError, match="which is no file"):
        choose_extractor()


def test_weights_that_may_not_be_looked_at_are_an_error_and_not_another_metric(home, monkeypatch):
    # A path that the system refuses to look at, also for root.
    monkeypatch.setenv("IGNM_HOME", str(home.parent / ("x" * 300)))
    with pytest.raises(IgnmError, match="cannot be read: File name too long; check the permissions"):
        choose_extractor()


def test_weights_that_cannot_be_read_are_one_message(home, weights, monkeypatch):
    def refusing(self, *_):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setenv("IGNM_INCEPTION", str(weights))
    monkeypatch.setattr(Path, "open", refusing)
    with pytest.raises(IgnmError, match=r"stand-in\.pt cannot be read: Permission denied"):
        build_extractor("inception")
