"""For all tests: one thread, so that they take the same time beside other work as alone."""

import os

# Before torch is imported. Two processes that each spin on all cores make a step ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
