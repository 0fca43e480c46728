"""Running trials on Ray: connecting, the trainable, what a trial takes of a machine."""
