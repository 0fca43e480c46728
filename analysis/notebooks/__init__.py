"""Notebooks over a study: thin, parameterised by its folder, and executed for each report."""

import warnings

# Of a progress bar that no notebook shows; it would be the first thing that a reader sees.
warnings.filterwarnings("ignore", message="IProgress not found")
