"""What a study takes beside training and measuring, in seconds; docs/speed.md has what was measured.

From `BEGINNING` to `REPORT` by `python -m benchmarks.foreseeing`, on two cores of an Intel Xeon on which other work ran
too. `TRIAL` and the factors below it are judgement: they were set before there were measurements to set them by.
"""

BEGINNING = 9.0
"""From the command to the first stage: imports, the dataset, the reference statistics."""
STAGE = 9.0
"""Of a stage that trains: Ray and Tune begin and end, results are collected."""
PROCESS = 6.0
"""The first process of a slot: it imports torch, opens the dataset and builds the evaluator."""
TRIAL = 0.5
"""Of a trial, beside what its measurements take: its networks, its folder, the slot's change of hands."""
WINNER = 3.0
"""The end of the confirm stage: samples, nearest images, the card."""
REPORT = 10.0
"""Tables, figures, notebooks."""

CROWDED = 1.3
"""What a speed that was tried alone becomes when all slots and the driver are at work."""
AT_MOST = 2.5
"""What a machine with other work on it makes of the above, at most."""
SLOWER = 1.5
"""As `AT_MOST`, of training and measuring, beside that configs differ."""
