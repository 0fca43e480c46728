"""Do augmentations show in what a generator makes?"""

from ignm.metrics.leak.estimate import Leak, Transform, augmentation_leak, leak_estimates

__all__ = ["Leak", "Transform", "augmentation_leak", "leak_estimates"]
