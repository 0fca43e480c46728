"""The generator and the discriminator, built from a Config."""
