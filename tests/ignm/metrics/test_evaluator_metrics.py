"""Extra metrics from the configuration to a measurement, and measurements that were written before there were any."""

import json
from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError

from ignm.config import Evaluation, load_preset
from ignm.data.faces import draw_faces
from ignm.metrics.evaluator import Evaluator
from ignm.models.networks import build_generator
from ignm.models.shape import DataShape
from ignm.training.measurement import Measurement, read_measurements, write_measurements

CPU = torch.device("cpu")
NAMES = ("kd", "coverage", "memorisation")


@pytest.fixture(scope="module")
def dataset():
    images = draw_faces(330, 16, seed=0).images
    return SimpleNamespace(name="tiny", resolution=16, fingerprint="f1", images=images[:200], test_images=images[200:])


@pytest.fixture(scope="module")
def generator():
    config = load_preset("dcgan", {"data.resolution": 16, "generator.width": 8, "discriminator.width": 8})
    return build_generator(config, DataShape(3), 0).eval()


def evaluation(**given):
    return Evaluation(extractor="scatter", images=64, **given)


@pytest.mark.parametrize("split", ["train", "test"])
def test_what_the_configuration_asks_for_is_measured(dataset, generator, tmp_path, split):
    found = Evaluator(evaluation(metrics=NAMES, split=split), dataset, CPU, tmp_path).score(generator)
    assert set(found.metrics) == {"kd_scatter", "coverage_scatter", "nearer_scatter", "copies_scatter"}
    plain = Evaluator(evaluation(split=split), dataset, CPU, tmp_path).score(generator)
    assert (plain.quality, plain.quality_error) == (found.quality, found.quality_error)
    assert plain.metrics == {}
    # An untrained generator is unlike any face.
    assert found.metrics["nearer_scatter"].value < 0.1
    assert found.metrics["kd_scatter"].value > 10 * found.metrics["kd_scatter"].error


def test_only_known_names_are_taken():
    with pytest.raises(ValidationError, match="metrics"):
        evaluation(metrics=("fdd",))
    assert Evaluation().metrics == ()
    assert Evaluation(**json.loads(evaluation(metrics=NAMES).model_dump_json())) == evaluation(metrics=NAMES)


def measurement(**given):
    numbers = dict.fromkeys(
        ("point", "kimg", "seconds", "quality", "diversity", "stability", "images_per_second", "discriminator_loss",
         "generator_loss", "real_sign", "generator_gradient"),
        1.0,
    )  # fmt: skip
    return Measurement(**numbers, precision="fp32", metric="fd", reference_id="r", **given)


def test_measurements_are_written_and_read_with_what_else_was_measured(tmp_path):
    new = measurement(quality_error=0.25, metrics={"kd_scatter": 0.5, "kd_scatter_error": 0.1})
    write_measurements(tmp_path / "m.jsonl", [new, measurement()])
    one, other = read_measurements(tmp_path / "m.jsonl")
    assert one["quality_error"] == 0.25
    assert one["metrics"] == {"kd_scatter": 0.5, "kd_scatter_error": 0.1}
    assert other["quality_error"] is None
    assert other["metrics"] == {}
    # JSON has no NaN, and a checkpoint that cannot be written would end the trial.
    json.dumps([one, other], allow_nan=False)
