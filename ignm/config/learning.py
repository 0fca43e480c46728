"""The part of the Config that says what is learnt and how: losses, initialisation, optimisation."""

from typing import Annotated, Literal

from pydantic import Field

from ignm.config.section import Section

Adversarial = Literal["minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic"]
GradientPenalty = Literal["wgan_gp", "r1", "r2", "r1_r2", "dragan"]
Penalty = Literal[GradientPenalty, "clipping"]
Backbone = Literal["resnet18", "resnet50", "vgg16", "efficientnet_b0", "mobilenet_v3_large"]
Weight = Annotated[float, Field(ge=0.0, le=1e4)]
Kimg = Annotated[float, Field(ge=0.0, le=1e6)]


class LossConfig(Section):
    """Adversarial loss x penalty, and the supervision added to them; a weight of 0 switches its term off."""

    adversarial: Adversarial = "non_saturating"
    """What discriminator and generator are played for; sources in ignm/losses/adversarial.py."""
    penalty: Penalty | None = None
    """What keeps the discriminator smooth; sources in ignm/losses/penalties.py. null: nothing."""
    gamma: Annotated[float, Field(gt=0.0, le=1e4)] = 1.0
    """Weight of a gradient penalty: gamma/2 |grad|^2 of R1 and R2, gamma (|grad| - 1)^2 of WGAN-GP and DRAGAN."""
    interval: Annotated[int, Field(ge=1, le=64)] = 16
    """A gradient penalty is computed once in this many discriminator steps, times this many (StyleGAN2's laziness)."""
    clip: Annotated[float, Field(gt=0.0, le=10.0)] = 0.01
    """`clipping`: the discriminator's weights stay within +-clip (Arjovsky et al. 2017)."""
    lecam: Weight = 0.0
    """LeCam regularisation: logits stay near the running mean of the other side's (Tseng et al. 2021)."""
    classification: Weight = 0.0
    """Cross-entropy of the discriminator's class heads, one for each class attribute (Odena et al. 2017)."""
    regression: Weight = 0.0
    """Squared error of its regression head on the standardised continuous labels."""
    embedding: Literal["projection", "contrastive"] | None = None
    """Joint embedding of image and labels: added to the logit (Miyato and Koyama 2018), or a contrastive loss (Kang
    and Park 2020)."""
    contrast: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    """Weight of the contrastive embedding."""
    temperature: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    """Of the contrastive embedding's similarities."""
    attention: Weight = 0.0
    """The discriminator's spatial attention on an image agrees with that on its mirror image (Guo et al. 2019)."""


class InitConfig(Section):
    """Where training begins."""

    checkpoint: str | None = None
    """A checkpoint, a trial's folder, or a study's best/: what fits is copied; null: from fresh weights."""
    networks: Literal["both", "generator", "discriminator"] = "both"
    """Which of the two are taken from the checkpoint."""
    freeze: Annotated[int, Field(ge=0, le=8)] = 0
    """Layers of the discriminator, from the image on, that stay as the checkpoint has them (Mo et al. 2020)."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Learning rates shrink by this factor with each layer from output to input (Howard and Ruder 2018)."""
    features: Backbone | None = None
    """A pretrained torchvision network whose frozen features the discriminator reads (Sauer et al. 2021)."""
    features_weights: str | None = None
    """File of its weights, as torchvision saves them (.pth) or as safetensors."""
    reconstruction: Kimg = 0.0
    """kimg of the first step of two-step training: the generator alone learns to reconstruct the images from latents
    that are learnt with it (Bojanowski et al. 2018)."""
    discriminator: Kimg = 0.0
    """kimg of the second step: the discriminator alone, with the generator frozen."""


class AdamConfig(Section):
    """Adam for one of the two networks."""

    lr: Annotated[float, Field(gt=0.0, le=1.0)] = 2e-4
    """Learning rate, before warm-up and schedule."""
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    """Decay of the running mean of gradients (Kingma and Ba 2015)."""
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    """Decay of the running mean of their squares."""


class OptimConfig(Section):
    """How the two networks are updated."""

    generator: AdamConfig = AdamConfig()
    discriminator: AdamConfig = AdamConfig()
    batch: Annotated[int, Field(ge=2, le=4096)] = 128
    """Images in a step of either network."""
    n_critic: Annotated[int, Field(ge=1, le=64)] = 1
    """Discriminator steps for each generator step."""
    warmup: Kimg = 0.0
    """Learning rates rise from 0 over this many kimg."""
    schedule: Literal["linear", "cosine"] | None = None
    """How learning rates fall; null: they stay."""
    schedule_kimg: Annotated[float, Field(gt=0.0, le=1e6)] = 1000.0
    """kimg at which they have fallen to `final`; they stay there."""
    final: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Share of the learning rate that is left then."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 autocast where the device multiplies bf16 matrices in hardware, else fp32."""


class EmaConfig(Section):
    """The running average of the generator's weights that is measured, sampled and kept."""

    half_life: Annotated[float, Field(gt=0.0, le=1e4)] = 10.0
    """In kimg."""
    ramp: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    """Early half-life as a share of the images seen so far (StyleGAN2-ADA); 0 switches the ramp off."""
