"""One configuration -> one trained, measured model, on one device."""

import os

# Read when torch is loaded, so here. Threads that wait for each other spin for a moment only: where trials share a
# machine, endless spinning makes a step 10 to 30 times slower, and not spinning at all doubles one that is alone.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__version__ = "0.1.0"
