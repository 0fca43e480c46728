"""What is tried next, and when a trial is stopped: Ray Tune's Optuna searcher and Optuna's study."""
