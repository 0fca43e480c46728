"""Statistics of paired runs: estimates with intervals, verdicts, and the reason where there is none."""
