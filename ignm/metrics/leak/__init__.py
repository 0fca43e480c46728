"""Do augmentations show in what a generator makes?"""

from ignm.metrics.leak.estimate import Leak, Transform, augmentation_leak, leak_estimates
from ignm.metrics.leak.probes import PROBES

__all__ = ["PROBES", "Leak", "Transform", "augmentation_leak", "leak_estimates"]
