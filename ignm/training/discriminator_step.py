"""The discriminator's step: what it learns of a batch of real and as many generated images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ignm.data.targets import LabelBatch
from ignm.losses.adversarial import ADVERSARIAL
from ignm.losses.clipping import clip_weights
from ignm.losses.lecam import moved
from ignm.losses.penalties import PENALTIES
from ignm.models.together import judge_together
from ignm.training import objectives
from ignm.training.augmenting import Augmenting
from ignm.training.batches import Batches
from ignm.training.optimisers import is_lazy
from ignm.training.parts import Part
from ignm.training.players import Players
from ignm.training.randomness import Stream
from ignm.training.running import Judged, judged

_AUGMENT = Stream.DISCRIMINATOR_AUGMENT


@dataclass(frozen=True)
class _Shown:
    """A batch as the discriminator sees it, or a part of one."""

    real: Tensor
    fake: Tensor
    labels: LabelBatch
    """Images are generated for the real batch's labels, so that pairs and mixtures of images share theirs."""
    changed: tuple[Tensor, ...]
    """Real and generated images once more, augmented, where consistency is asked for."""

    def part(self, part: Part) -> "_Shown":
        changed = tuple(part.of(images) for images in self.changed)
        return _Shown(part.of(self.real), part.of(self.fake), part.labels(self.labels), changed)


class DiscriminatorStep:
    """Updates the discriminator; keeps the running means of its logits that LeCam compares with."""

    def __init__(self, players: Players, batches: Batches, augmenting: Augmenting) -> None:
        self._players, self._batches, self._augmenting = players, batches, augmenting
        self._config = players.config
        self._adversarial = ADVERSARIAL[self._config.loss.adversarial]
        self._lazy = is_lazy(self._config.loss)
        self.logit_means: tuple[Tensor, Tensor] | None = None

    def take(self, at: int, parts: Sequence[Part], shared: bool, watched: bool) -> tuple[Judged, Tensor | None]:
        """Learn from the images at positions `at`, ..., in one pass for each part; the gradient's norm where `watched`.

        Returns also the generated images with their graph where they are `shared` with the generator's step; those made
        in parts are not, for the graph is what takes the memory.
        """
        shared = shared and len(parts) == 1
        shown, made = self._show(at, parts, shared)
        self._players.clear("discriminator")
        said = [self._learn(shown.part(part), part.share) for part in parts]
        gradient = self._penalise_and_update(at, shown, parts, watched)
        losses, reals, fakes = zip(*said, strict=True)
        real, fake = torch.cat(reals), torch.cat(fakes)
        if self._config.loss.lecam > 0:
            self.logit_means = _moved(self.logit_means, real, fake)
        centred = self._adversarial.centred(real, fake)
        self._augmenting.observe(centred)
        return judged(torch.stack(losses).sum(), real, fake, centred, gradient), made if shared else None

    def _show(self, at: int, parts: Sequence[Part], shared: bool) -> tuple[_Shown, Tensor]:
        batch, augmenting = self._batches.real(at), self._augmenting
        real = augmenting.shown(batch.images, _AUGMENT, at, 0)
        noise = self._batches.latents(Stream.LATENTS, at)
        with self._players.computing():
            with torch.set_grad_enabled(shared):
                made = _whole(
                    parts,
                    [self._players.generator(part.of(noise), part.of(batch.labels.vectors)) for part in parts],
                )
            fake = augmenting.shown(made.detach(), _AUGMENT, at, 1)
            changed: tuple[Tensor, ...] = ()
            if self._config.augment.consistency > 0:
                changed = tuple(
                    augmenting.changed(images, _AUGMENT, at, side) for side, images in enumerate((real, fake))
                )
        return _Shown(real, fake, batch.labels, changed), made

    def _learn(self, shown: _Shown, share: float) -> tuple[Tensor, Tensor, Tensor]:
        """Add a part's gradients; returns its share of the adversarial loss, and its real and fake logits (n,)."""
        config, discriminator, labels = self._config.loss, self._players.discriminator, shown.labels.vectors
        with self._players.computing():
            real_says, fake_says = judge_together(discriminator, [shown.real, shown.fake], labels)
            loss = self._adversarial.discriminator(real_says.logits, fake_says.logits)
            total = loss + objectives.supervision(config, real_says, shown.labels)
            if self._players.generator.conditional:
                total = total + objectives.supervision(config, fake_says, shown.labels)
            total = total + objectives.regularisation(config, real_says, fake_says, self.logit_means)
            if config.attention > 0:
                for images, says in ((shown.real, real_says), (shown.fake, fake_says)):
                    mirrored = discriminator(images.flip(3), labels)
                    total = total + config.attention / 2 * objectives.attention_agreement(says, mirrored)
            for images, says in zip(shown.changed, (real_says, fake_says), strict=False):
                augmented_says = discriminator(images, labels)
                total = total + objectives.same_of_augmented(self._config.augment, says, augmented_says)
        (total * share).backward()
        return loss.detach() * share, real_says.logits.detach(), fake_says.logits.detach()

    def _penalise_and_update(self, at: int, shown: _Shown, parts: Sequence[Part], watched: bool) -> Tensor | None:
        """Update the discriminator by its loss and, when it is due, by the penalty: if lazy, in a step of its own.

        Returns, where `watched`, the norm of the gradient of the loss, with the penalty where it is no step of its own.
        """
        config, players = self._config.loss, self._players
        due = config.penalty in PENALTIES and (at // self._config.optim.batch) % config.interval == 0
        if due and not self._lazy:
            self._penalise(at, shown, parts)
        players.update("discriminator", at)
        gradient = players.gradient("discriminator") if watched else None
        if due and self._lazy:
            players.clear("discriminator")
            self._penalise(at, shown, parts)
            players.update("discriminator", at)
        if config.penalty == "clipping":
            clip_weights(players.learning, config.clip)
        return gradient

    def _penalise(self, at: int, shown: _Shown, parts: Sequence[Part]) -> None:
        """Add the penalty's gradients. A pass of its own, after the loss's graph is gone: neither needs the other's."""
        config, penalty = self._config.loss, PENALTIES[str(self._config.loss.penalty)]
        places = penalty.places(shown.real, shown.fake, self._batches.random(Stream.PENALTY, at))
        for part in parts:
            critic = partial(self._logits, part.of(shown.labels.vectors))
            with self._players.computing():
                value = penalty.of(critic, [part.of(images) for images in places])
            (config.gamma * config.interval * part.share * value).backward()

    def _logits(self, labels: Tensor, images: Tensor) -> Tensor:
        logits: Tensor = self._players.discriminator(images, labels).logits
        return logits


def _whole(parts: Sequence[Part], made: Sequence[Tensor]) -> Tensor:
    """What was made in parts (n, ...) as one batch, in its order."""
    if parts[0].rows is None:
        return made[0]
    order = torch.cat([part.rows for part in parts if part.rows is not None])
    return torch.cat(list(made))[order.argsort()]


def _moved(means: tuple[Tensor, Tensor] | None, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The running means of real and fake logits; the first batch begins them."""
    if means is None:
        return moved(real.mean(), real, decay=0.0), moved(fake.mean(), fake, decay=0.0)
    return moved(means[0], real), moved(means[1], fake)
