"""What may vary: axes named by their path in the config and by their strategy, and named spaces of them."""
