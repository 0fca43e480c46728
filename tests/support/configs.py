"""Changes that make a preset small enough for a test."""

SMALL = {
    "data.resolution": 16,
    "generator.width": 8,
    "discriminator.width": 8,
    "generator.latent": 8,
    "optim.batch": 8,
    "optim.precision": "fp32",
}
TINY = {"data.name": "tiny"} | SMALL
