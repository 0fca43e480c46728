"""Graded degradations of the training images: fewer pixels, blur, noise, JPEG, wrong labels, fewer images."""

from ignm.data.degradation.store import degraded

__all__ = ["degraded"]
