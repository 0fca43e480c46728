"""The part of the Config that shapes the two networks: one family each, with the published models as points in it."""

from typing import Annotated, Literal

from pydantic import Field

from ignm.config.section import Section

Activation = Literal["relu", "leaky_relu", "prelu", "elu", "silu", "gelu", "mish", "tanh", "sigmoid"]
Normalisation = Literal["batch", "instance", "layer", "group", "pixel"]
Weights = Literal["normal", "orthogonal", "xavier", "he"]
Width = Annotated[int, Field(ge=4, le=1024)]
Layer = Annotated[int, Field(ge=1, le=8192)]
SMALLEST_MAP = 4
"""Side of the map that the generator begins with and the discriminator ends with."""


class NetworkConfig(Section):
    """What generator and discriminator have in common."""

    block: Literal["plain", "residual"] = "plain"
    """`plain`: one convolution a map (DCGAN). `residual`: two, pre-activated, beside a shortcut (WGAN-GP, SAGAN)."""
    width: Width = 64
    """Channels of the widest map: half the image's resolution in a plain network, the image's own in a residual one."""
    multiplier: Annotated[float, Field(ge=1.0, le=2.0)] = 2.0
    """Channels grow by this factor with each halving of the map."""
    max_multiplier: Annotated[int, Field(ge=1, le=64)] = 8
    """They stop growing at this many times `width`."""
    bottleneck: Literal[2, 4] | None = None
    """1x1 convolutions that divide a block's inner channels by this (He et al. 2016)."""
    normalisation: Normalisation | None = "batch"
    """After each layer between the first and the last; null: none."""
    spectral_norm: bool = False
    """Each layer's largest singular value is held at 1 (Miyato et al. 2018)."""
    attention: Literal[4, 8, 16, 32, 64, 128] | None = None
    """Side of the map that self-attention follows (Zhang et al. 2019)."""
    bias: Literal["unnormalised", "needed", "all"] = "unnormalised"
    """Which convolutions have biases: those of networks without normalisation (DCGAN's reference code), those that no
    normalisation follows (WGAN-GP's), or all (SAGAN's)."""
    weights: Weights = "normal"
    """Initial weights; `normal` is DCGAN's N(0, 0.02)."""


class GeneratorConfig(NetworkConfig):
    """From a latent vector, and labels where it is conditional, to an image."""

    latent: Annotated[int, Field(ge=1, le=4096)] = 100
    """Numbers that an image is made from."""
    activation: Activation | None = "relu"
    """After each layer but the last; null: none."""
    upsampling: Literal["transposed", "nearest", "bilinear", "pixel_shuffle"] = "transposed"
    """How a map doubles its side."""
    input_width: Layer | None = None
    """Units of a fully-connected layer between the latent and the first map; null: none."""
    condition: Literal["latent", "normalisation"] | None = None
    """How labels enter: concatenated to the latent (Mirza and Osindero 2014), or as the gains and biases of batch
    normalisation (Zhang et al. 2019); null: the generator knows no labels."""


class DiscriminatorConfig(NetworkConfig):
    """From an image to one logit, and to what its heads say of the labels."""

    activation: Activation | None = "leaky_relu"
    """After each layer; null: none."""
    downsampling: Literal["strided", "average", "max", "blur"] = "strided"
    """How a map halves its side."""
    pooling_size: Literal[2, 3, 4] = 2
    """Side of the window of average and max pooling; blur pooling has one tap more. The stride is 2."""
    stem: bool = True
    """Residual: a convolution comes before the first block (WGAN-GP), or the first block reads the image (SAGAN)."""
    inner: Literal["input", "output"] = "input"
    """Residual: channels between a block's convolutions, those that come in (WGAN-GP) or that go out (SAGAN)."""
    extra_blocks: Annotated[int, Field(ge=0, le=4)] = 0
    """Blocks on the last map, which do not shrink it."""
    minibatch_std: bool = False
    """One more channel on the last map: the standard deviation over groups of 4 images (Karras et al. 2018)."""
    head: Literal["flatten", "sum", "pyramid"] = "flatten"
    """How the last map becomes a vector: as it is, summed over pixels (SAGAN), or spatial pyramid pooling (He et al.
    2015)."""
    pyramid_levels: Annotated[int, Field(ge=1, le=5)] = 3
    """Grids of the pyramid: 1x1, 2x2, 4x4, ... The last map is 4x4."""
    head_width: Layer | None = None
    """Units of a fully-connected layer between that vector and the logit; null: none."""
