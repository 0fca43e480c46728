"""For all tests: one thread, so that they take the same time beside other work as alone, and lines of one width."""

import os

# Before torch is imported. Two processes that each spin on all cores make a step ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Before the consoles are made, which read it once. The processes of pytest-xdist come with 80, which breaks tables.
os.environ["COLUMNS"] = "200"
