"""Studies on an object store: each machine works in a local folder and mirrors it."""
