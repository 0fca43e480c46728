"""Where training begins: what is taken from a checkpoint, which layers learn how fast, and the first of two steps."""
