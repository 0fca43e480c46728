"""Adversarial losses and penalties as pure functions."""
