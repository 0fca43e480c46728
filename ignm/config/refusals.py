"""Combinations of values that cannot work, each with the reason and the way out."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

from ignm.config.learning import GradientPenalty
from ignm.config.networks import SMALLEST_MAP

if TYPE_CHECKING:
    from ignm.config.schema import Config

GRADIENT_PENALTIES: tuple[str, ...] = get_args(GradientPenalty)


def penalty_needs_independent_images(config: "Config") -> str | None:
    """A gradient penalty is defined image by image (Gulrajani et al. 2017, section 4)."""
    if config.loss.penalty not in GRADIENT_PENALTIES or config.discriminator.normalisation != "batch":
        return None
    return (
        "loss.penalty and discriminator.normalisation: a gradient penalty is defined image by image, and batch "
        "normalisation mixes the images of a batch; use instance, layer, group or null "
        "(Gulrajani et al. 2017, section 4)"
    )


def penalty_needs_bounded_slopes(config: "Config") -> str | None:
    """Where a map is near 0, as in cutout's holes, pixel normalisation's slope is 10,000, and penalties square it."""
    if config.loss.penalty not in GRADIENT_PENALTIES or config.discriminator.normalisation != "pixel":
        return None
    return (
        "loss.penalty and discriminator.normalisation: pixel normalisation has no bound on its slope, which a gradient "
        "penalty squares (a tenth of such configs diverged within ten steps); use instance, layer, group or null"
    )


def attention_needs_its_map(config: "Config") -> str | None:
    """Self-attention follows a map that the network has."""
    largest = config.data.resolution // 2
    for name, network in (("generator", config.generator), ("discriminator", config.discriminator)):
        if network.attention is not None and network.attention > largest:
            sizes = [size for size in (4, 8, 16, 32, 64, 128) if size <= largest]
            return (
                f"{name}.attention: there is no {network.attention}x{network.attention} map for it at "
                f"data.resolution {config.data.resolution}; use one of {', '.join(map(str, sizes))} or null"
            )
    return None


def pyramid_fits_the_map(config: "Config") -> str | None:
    """The finest grid of spatial pyramid pooling is no finer than the map."""
    own = config.discriminator
    finest = 2 ** (own.pyramid_levels - 1)
    if own.head != "pyramid" or finest <= SMALLEST_MAP:
        return None
    return (
        f"discriminator.pyramid_levels: {own.pyramid_levels} levels end with a {finest}x{finest} grid, and the last "
        f"map is {SMALLEST_MAP}x{SMALLEST_MAP}; use at most 3"
    )


def conditional_normalisation_is_batch(config: "Config") -> str | None:
    """Labels enter by the gains and biases of batch normalisation."""
    if config.generator.condition != "normalisation" or config.generator.normalisation == "batch":
        return None
    return (
        f"generator.condition: labels enter by batch normalisation, and generator.normalisation is "
        f"{config.generator.normalisation or 'null'}; use batch, or generator.condition latent"
    )


def embedding_needs_labelled_fakes(config: "Config") -> str | None:
    """An image-label embedding judges pairs, so generated images need labels too."""
    if config.loss.embedding is None or config.generator.condition is not None:
        return None
    return (
        "loss.embedding: judges images together with their labels, and the generator knows none; set "
        "generator.condition to latent or normalisation, or loss.embedding to null"
    )


def condition_needs_a_judge(config: "Config") -> str | None:
    """Without a term that sees labels the generator has no reason to heed them."""
    loss = config.loss
    if config.generator.condition is None or loss.embedding or loss.classification or loss.regression:
        return None
    return (
        "generator.condition: nothing in the loss would hold the generator to its labels; set loss.embedding, "
        "loss.classification or loss.regression, or generator.condition to null"
    )


def features_need_weights(config: "Config") -> str | None:
    """Pretrained features come from a file, and a file of them is for a network."""
    init = config.init
    if (init.features is None) == (init.features_weights is None):
        return None
    if init.features is None:
        return "init.features_weights: given without init.features; say which network's weights they are"
    return (
        f"init.features: {init.features} needs init.features_weights, the file of its weights; torchvision's "
        "model documentation says where to get it"
    )


def freezing_needs_a_checkpoint(config: "Config") -> str | None:
    """FreezeD keeps layers of a trained discriminator."""
    init = config.init
    if init.freeze == 0 or (init.checkpoint is not None and init.networks != "generator"):
        return None
    return (
        "init.freeze: keeps layers of a trained discriminator; set init.checkpoint, with init.networks both or "
        "discriminator, or init.freeze to 0"
    )


def freezing_leaves_layers_to_learn(config: "Config") -> str | None:
    """FreezeD freezes layers on the image; the head always learns."""
    own, resolution = config.discriminator, config.data.resolution
    residual = own.block == "residual"
    # The stem, blocks down to 4x4, and those that stay there.
    entry = resolution if residual else resolution // 2
    layers = int(own.stem or not residual) + int(math.log2(entry / SMALLEST_MAP)) + own.extra_blocks
    if config.init.freeze <= layers:
        return None
    return (
        f"init.freeze: {config.init.freeze} layers, and this discriminator has {layers} before its head; "
        f"use at most {layers}"
    )


def features_replace_the_networks_beginning(config: "Config") -> str | None:
    """Where the discriminator reads features, it has no layers on the image to freeze, and no large maps."""
    if config.init.features is None:
        return None
    if config.init.freeze > 0:
        return "init.freeze: a discriminator on init.features has no layers on the image to freeze; use 0"
    if config.discriminator.attention is not None:
        return "discriminator.attention: a discriminator on init.features has no such map; use null"
    if config.loss.attention > 0:
        return "loss.attention: a discriminator on init.features keeps no map of the image; use 0"
    return None


def teaching_needs_a_teacher(config: "Config") -> str | None:
    """A teacher's images need the teacher."""
    synthetic = config.data.synthetic
    if synthetic.fraction == 0 or synthetic.source != "teacher" or synthetic.teacher is not None:
        return None
    return (
        "data.synthetic.source: teacher needs data.synthetic.teacher, a checkpoint, a trial's folder or a study's best/"
    )


def downscaling_leaves_an_image(config: "Config") -> str | None:
    """An image shrunk to less than 4x4 is no image any more."""
    most = config.data.resolution / SMALLEST_MAP
    if config.data.degrade.downscale <= most:
        return None
    return (
        f"data.degrade.downscale: {config.data.degrade.downscale:g} leaves less than {SMALLEST_MAP}x{SMALLEST_MAP} of "
        f"data.resolution {config.data.resolution}; use at most {most:g}"
    )


def adapting_needs_a_policy(config: "Config") -> str | None:
    """Something must be there to be made stronger, or to be consistent under."""
    own = config.augment
    if own.policy is not None or (own.target is None and own.consistency == 0):
        return None
    asked = "target" if own.target is not None else "consistency"
    return f"augment.{asked}: needs augment.policy: diffaugment or ada"


Refusal = Callable[["Config"], str | None]

REFUSALS: tuple[Refusal, ...] = (
    penalty_needs_independent_images,
    penalty_needs_bounded_slopes,
    attention_needs_its_map,
    pyramid_fits_the_map,
    conditional_normalisation_is_batch,
    embedding_needs_labelled_fakes,
    condition_needs_a_judge,
    features_need_weights,
    freezing_needs_a_checkpoint,
    freezing_leaves_layers_to_learn,
    features_replace_the_networks_beginning,
    teaching_needs_a_teacher,
    downscaling_leaves_an_image,
    adapting_needs_a_policy,
)
