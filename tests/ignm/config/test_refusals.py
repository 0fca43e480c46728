"""Every combination that cannot work is refused with its paths and the way out; the nearest that can is taken."""

import pytest

from ignm.config import load_preset
from ignm.config.refusals import GRADIENT_PENALTIES, REFUSALS
from ignm.errors import IgnmError

CONDITIONED = {"generator.condition": "latent"}
CHECKPOINT = {"init.checkpoint": "somewhere"}
FEATURES = {"init.features": "resnet18", "init.features_weights": "resnet18.pth"}

# Refusal, what it refuses, what its message says, and the nearest that is valid: of one change each.
CASES = [
    *(
        (
            "penalty_needs_independent_images",
            {"loss.penalty": penalty},
            ["loss.penalty", "discriminator.normalisation", "image by image", "instance, layer, group or null"],
            {"discriminator.normalisation": "layer"},
        )
        for penalty in GRADIENT_PENALTIES
    ),
    (
        "penalty_needs_independent_images",
        {"loss.penalty": "r1"},
        ["loss.penalty", "batch normalisation mixes"],
        {"loss.penalty": "clipping"},
    ),
    (
        "penalty_needs_bounded_slopes",
        {"loss.penalty": "r1", "discriminator.normalisation": "pixel"},
        ["loss.penalty", "discriminator.normalisation", "no bound", "instance, layer, group or null"],
        {"discriminator.normalisation": "group"},
    ),
    *(
        (
            "freezing_leaves_layers_to_learn",
            {**CHECKPOINT, "data.resolution": 32, "init.freeze": layers + 1, **changes},
            ["init.freeze", f"{layers} before its head", f"at most {layers}"],
            {"init.freeze": layers},
        )
        for layers, changes in (
            (3, {}),
            (4, {"discriminator.block": "residual"}),
            (3, {"discriminator.block": "residual", "discriminator.stem": False}),
            (5, {"discriminator.extra_blocks": 2}),
        )
    ),
    (
        "attention_needs_its_map",
        {"generator.attention": 64},
        ["generator.attention", "no 64x64 map", "data.resolution 64", "4, 8, 16, 32 or null"],
        {"generator.attention": 32},
    ),
    (
        "attention_needs_its_map",
        {"discriminator.attention": 16, "data.resolution": 16},
        ["discriminator.attention", "no 16x16 map", "data.resolution 16", "use one of 4, 8 or null"],
        {"data.resolution": 32},
    ),
    (
        "pyramid_fits_the_map",
        {"discriminator.head": "pyramid", "discriminator.pyramid_levels": 4},
        ["discriminator.pyramid_levels", "4 levels", "8x8 grid", "4x4", "at most 3"],
        {"discriminator.pyramid_levels": 3},
    ),
    (
        "pyramid_fits_the_map",
        {"discriminator.head": "pyramid", "discriminator.pyramid_levels": 5},
        ["discriminator.pyramid_levels", "16x16 grid"],
        {"discriminator.head": "sum"},
    ),
    (
        "conditional_normalisation_is_batch",
        {
            "generator.condition": "normalisation",
            "generator.normalisation": "layer",
            "loss.embedding": "projection",
        },
        ["generator.condition", "generator.normalisation is layer", "batch", "latent"],
        {"generator.normalisation": "batch"},
    ),
    (
        "conditional_normalisation_is_batch",
        {"generator.condition": "normalisation", "generator.normalisation": None, "loss.embedding": "projection"},
        ["generator.condition", "generator.normalisation is null"],
        {"generator.condition": "latent"},
    ),
    *(
        (
            "embedding_needs_labelled_fakes",
            {"loss.embedding": embedding},
            ["loss.embedding", "generator.condition", "latent or normalisation", "null"],
            change,
        )
        for embedding in ("projection", "contrastive")
        for change in ({"generator.condition": "latent"}, {"generator.condition": "normalisation"})
    ),
    *(
        (
            "condition_needs_a_judge",
            CONDITIONED,
            ["generator.condition", "loss.embedding", "loss.classification", "loss.regression", "null"],
            change,
        )
        for change in (
            {"generator.condition": None},
            {"loss.embedding": "contrastive"},
            {"loss.classification": 0.1},
            {"loss.regression": 0.1},
        )
    ),
    (
        "features_need_weights",
        {"init.features": "vgg16"},
        ["init.features", "vgg16", "init.features_weights", "torchvision"],
        {"init.features_weights": "vgg16.pth"},
    ),
    (
        "features_need_weights",
        {"init.features_weights": "vgg16.pth"},
        ["init.features_weights", "without init.features"],
        {"init.features": "vgg16"},
    ),
    (
        "freezing_needs_a_checkpoint",
        {"init.freeze": 1},
        ["init.freeze", "init.checkpoint", "init.networks", "0"],
        CHECKPOINT,
    ),
    (
        "freezing_needs_a_checkpoint",
        {"init.freeze": 2, "init.networks": "generator", **CHECKPOINT},
        ["init.freeze", "both or discriminator"],
        {"init.networks": "discriminator"},
    ),
    (
        "features_replace_the_networks_beginning",
        {**FEATURES, **CHECKPOINT, "init.freeze": 1},
        ["init.freeze", "init.features", "use 0"],
        {"init.freeze": 0},
    ),
    (
        "features_replace_the_networks_beginning",
        {**FEATURES, "discriminator.attention": 8},
        ["discriminator.attention", "init.features", "use null"],
        {"discriminator.attention": None},
    ),
    (
        "features_replace_the_networks_beginning",
        {**FEATURES, "loss.attention": 1.0},
        ["loss.attention", "init.features", "use 0"],
        {"init.features": None, "init.features_weights": None},
    ),
    (
        "teaching_needs_a_teacher",
        {"data.synthetic.source": "teacher", "data.synthetic.fraction": 0.5},
        ["data.synthetic.source", "data.synthetic.teacher"],
        {"data.synthetic.teacher": "somewhere"},
    ),
    (
        "downscaling_leaves_an_image",
        {"data.degrade.downscale": 32.0},
        ["data.degrade.downscale", "4x4", "at most 16"],
        {"data.degrade.downscale": 16.0},
    ),
    *(
        (
            "adapting_needs_a_policy",
            {path: value},
            [path, "augment.policy"],
            {"augment.policy": "ada"},
        )
        for path, value in (("augment.target", 0.6), ("augment.consistency", 10.0))
    ),
]
IDS = [f"{name}-{index}" for index, (name, *_) in enumerate(CASES)]


@pytest.mark.parametrize(("name", "refused", "said", "change"), CASES, ids=IDS)
def test_it_is_refused_with_its_paths_and_the_way_out(name, refused, said, change):
    with pytest.raises(IgnmError) as caught:
        load_preset("dcgan", refused)
    message = str(caught.value)
    assert all(part in message for part in said), message
    # The line names the path that is at fault first, and is the only one.
    head, line = message.split("\n  ")
    assert head.startswith("preset dcgan")
    assert line.startswith(said[0])


@pytest.mark.parametrize(("name", "refused", "said", "change"), CASES, ids=IDS)
def test_the_nearest_that_works_is_taken(name, refused, said, change):
    load_preset("dcgan", refused | change)


def test_every_refusal_has_its_cases():
    assert {name for name, *_ in CASES} == {refusal.__name__ for refusal in REFUSALS}


def test_levels_of_a_pyramid_that_is_not_used_are_not_refused():
    load_preset("dcgan", {"discriminator.head": "flatten", "discriminator.pyramid_levels": 5})


def test_attention_in_the_discriminator_alone_is_named_alone():
    with pytest.raises(IgnmError, match=r"discriminator\.attention") as caught:
        load_preset("dcgan", {"discriminator.attention": 128})
    assert "generator.attention" not in str(caught.value)
