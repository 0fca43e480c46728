"""Ray Tune and Optuna over a space: launching, resuming, confirming, the study on disk, the command line."""

STUDIES = "studies"
"""Where studies lie, unless somebody says otherwise: a folder in the one that a command is given in."""
