"""What a generator is compared with: the images that are trained on, or those held out."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ignm.config import Evaluation
from ignm.errors import IgnmError
from ignm.metrics.evaluator import Evaluator

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


def test_without_held_out_images_the_way_to_some_is_said(tmp_path):
    with pytest.raises(IgnmError, match=r"evaluation\.split: tiny at 16 holds 0 images out .* --test-share"):
        evaluator(dataset_of(0), tmp_path, split="test")
    assert not list(tmp_path.iterdir())
