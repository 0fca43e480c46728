"""What a generator is compared with: the images that are trained on, or those held out."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.extractors import Means, faces

from ignm.config import Evaluation
from ignm.errors import IgnmError
from ignm.metrics import evaluator as module
from ignm.metrics.evaluator import Evaluator
from ignm.metrics.exact import exact_float32

CPU = torch.device("cpu")


def dataset_of(held_out):
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 1), dtype=np.uint8)
    return SimpleNamespace(
        name="tiny", resolution=16, fingerprint="f1", images=images[held_out:], test_images=images[:held_out]
    )


def evaluator(dataset, cache, **given):
    return Evaluator(Evaluation(extractor="scatter", **given), dataset, CPU, cache)


def test_the_two_splits_are_different_references_and_so_not_comparable(tmp_path):
    dataset = dataset_of(20)
    train, test = (evaluator(dataset, tmp_path, split=split).reference for split in ("train", "test"))
    assert (train.count, test.count) == (40, 20)
    assert train.id != test.id
    assert not torch.equal(train.mean, test.mean)
    # Held-out images alone, imported under the same fingerprint, would still be another reference.
    swapped = SimpleNamespace(**{**vars(dataset), "images": dataset.test_images})
    assert evaluator(swapped, tmp_path).reference.id != test.id


def settings():
    cudnn = torch.backends.cudnn
    return (
        cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32, torch.get_float32_matmul_precision(),
    )  # fmt: skip


EXACT = (True, False, True, False, False, "highest")


@pytest.fixture(params=["medium", "high", "highest"])
def surrounding(request):
    cudnn, before = torch.backends.cudnn, settings()
    cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32 = True, False, request.param != "highest"
    torch.set_float32_matmul_precision(request.param)
    yield settings()
    cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32 = before[1:4]
    torch.set_float32_matmul_precision(before[5])


def test_full_float32_is_for_measuring_only_and_the_trainings_settings_come_back(tmp_path, monkeypatch, surrounding):
    seen = []

    class Watched(Means):
        def features(self, images):
            seen.append(settings())
            return super().features(images)

    monkeypatch.setattr(module, "build_extractor", lambda _: Watched())
    monkeypatch.setattr(module, "generate", lambda *_: torch.from_numpy(faces(64, 1)).permute(0, 3, 1, 2).split(32))
    found = evaluator(dataset_of(20), tmp_path)
    assert settings() == surrounding
    assert seen == [EXACT]
    found.score(None)
    assert settings() == surrounding
    assert seen == [EXACT] * 3


def test_the_settings_come_back_where_measuring_fails(surrounding):
    @exact_float32()
    def fail():
        raise ValueError(settings())

    with pytest.raises(ValueError, match=re.escape(str(EXACT))):
        fail()
    assert settings() == surrounding


def test_without_held_out_images_the_way_to_some_is_said(tmp_path):
    with pytest.raises(IgnmError, match=r"evaluation\.split: tiny at 16 holds 0 images out .* --test-share"):
        evaluator(dataset_of(0), tmp_path, split="test")
    assert not list(tmp_path.iterdir())
