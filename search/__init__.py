"""Ray Tune and Optuna over a space: launching, resuming, confirming, the study on disk, the command line."""
