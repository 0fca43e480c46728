"""Differentiable augmentation of real and generated images, on their way into the discriminator."""
