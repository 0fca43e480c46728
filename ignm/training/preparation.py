"""From a dataset to what a config shows of it: degraded, mixed with the synthetic pool."""

from collections.abc import Callable

from ignm.config import Config
from ignm.data.cache import Dataset
from ignm.data.degradation import degraded
from ignm.data.targets import targets_of
from ignm.errors import IgnmError
from ignm.synthetic.pool import open_pool
from ignm.training.training_set import TrainingSet


def open_training_set(
    config: Config, dataset: Dataset, progress: Callable[[int, int], None] | None = None
) -> TrainingSet:
    """Return what `config` shows of a dataset; degraded images and the pool are made on first use, beside the dataset.

    Raises IgnmError where labels or files that the config needs are missing, or nothing to train on is left.
    """
    root = dataset.path.parent.parent
    targets = targets_of(config, dataset)
    found = degraded(dataset.images, dataset.fingerprint, config.data.degrade, root, progress)
    if len(found.rows) < 2:
        raise IgnmError(
            f"data.degrade.keep: {config.data.degrade.keep:g} of {len(dataset.images)} images leaves "
            f"{len(found.rows)}; at least 2 are needed"
        )
    own = targets.rows(found.labels)
    if config.data.synthetic.fraction == 0:
        return TrainingSet(found.images, found.rows, own, found.fingerprint, dataset.images[:0])
    pool = open_pool(config.data.synthetic, dataset, root, progress)
    return TrainingSet(
        images=found.images,
        rows=found.rows,
        targets=own.followed_by(targets.rows(pool.sources)),
        fingerprint=f"{found.fingerprint}+{pool.fingerprint}",
        pool=pool.images,
        fraction=config.data.synthetic.fraction,
    )
