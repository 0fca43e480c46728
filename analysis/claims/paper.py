"""The paper's claims, stated once for every study."""

from analysis.claims.claim import Claim

PAPER: tuple[Claim, ...] = (
    Claim(
        id="data",
        text="Better data gives better images",
        measure="quality",
        designs=("factorial", "half_factorial", "leave_one_out", "add_one_in"),
        contrasts=("data",),
        family="strategies",
    ),
    Claim(
        id="structure",
        text="A better structure gives a more expressive model",
        # As varied as the real images, neither less nor more: noise is varied too.
        measure="diversity_gap",
        designs=("factorial", "half_factorial", "leave_one_out", "add_one_in"),
        contrasts=("structure",),
        family="strategies",
    ),
    Claim(
        id="pretraining",
        text="Pretraining makes training faster",
        measure="kimg_to_quality",
        # Half of the lattice has no two arms that differ in one strategy alone.
        designs=("factorial", "leave_one_out", "add_one_in"),
        contrasts=("init",),
        # Initial weights alone are no pretraining.
        switches=("init.checkpoint", "init.reconstruction", "init.discriminator", "init.features"),
        family="strategies",
    ),
    Claim(
        id="improved",
        text="The improved model beats DCGAN, WGAN-GP and SAGAN on each dataset",
        measure="quality",
        designs=("baselines",),
        contrasts=("dcgan", "wgan-gp", "sagan"),
        family="baselines",
    ),
)
