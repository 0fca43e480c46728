"""Measurements of IGNM, each a program: python -m benchmarks.NAME --help."""

import ignm  # noqa: F401  (before torch, which reads the environment that it sets)
