"""The terms that the config adds to the adversarial loss."""

from torch import Tensor

from ignm.config.data import AugmentConfig
from ignm.config.learning import LossConfig
from ignm.data.targets import LabelBatch
from ignm.losses.attention import agreement, attention_map
from ignm.losses.auxiliary import classification, regression
from ignm.losses.consistency import consistency
from ignm.losses.embedding import contrastive
from ignm.losses.lecam import lecam
from ignm.models.head import Judgement


def supervision(config: LossConfig, judgement: Judgement, labels: LabelBatch) -> Tensor:
    """What the labels ask of a judgement, weighted: classes, continuous labels and the contrastive embedding.

    The discriminator minimises it on real images, and both networks on images generated for the labels.
    """
    total = judgement.logits.new_zeros(())
    if config.classification > 0:
        total = total + config.classification * classification(judgement.classes, labels.classes)
    if config.regression > 0 and judgement.continuous is not None:
        total = total + config.regression * regression(judgement.continuous, labels.continuous)
    if judgement.image_embedding is not None and judgement.label_embedding is not None:
        total = total + config.contrast * contrastive(
            judgement.image_embedding, judgement.label_embedding, labels.vectors, config.temperature
        )
    return total


def attention_agreement(judgement: Judgement, mirrored: Judgement) -> Tensor:
    """How far the discriminator's attention on images is from that on their mirror images."""
    if judgement.features is None or mirrored.features is None:
        raise ValueError("the discriminator was built without loss.attention and keeps no features")
    return agreement(attention_map(judgement.features), attention_map(mirrored.features))


def same_of_augmented(config: AugmentConfig, judgement: Judgement, augmented: Judgement) -> Tensor:
    """How far what is said of images is from what is said of their augmented versions, weighted."""
    return config.consistency * consistency(judgement.logits, augmented.logits)


def regularisation(config: LossConfig, real: Judgement, fake: Judgement, means: tuple[Tensor, Tensor] | None) -> Tensor:
    """LeCam's term, weighted; `means` are the running means of real and fake logits, if there are any yet."""
    if config.lecam == 0 or means is None:
        return real.logits.new_zeros(())
    return config.lecam * lecam(real.logits, fake.logits, *means)
