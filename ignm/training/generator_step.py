"""The generator's steps: against the discriminator, and by reconstruction."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ignm.data.targets import LabelBatch
from ignm.initialisation.reconstruction import LatentTable, laplacian_pyramid_l1
from ignm.losses.adversarial import ADVERSARIAL
from ignm.training import objectives
from ignm.training.augmenting import Augmenting
from ignm.training.batches import Batches
from ignm.training.parts import Part
from ignm.training.players import Players
from ignm.training.randomness import Stream, generator_of
from ignm.training.running import Made

LATENT_LR = 30.0
"""Step of the reconstruction step's learnt latents, on the gradient for an image: the best of 0, 1, 10, 30 and 100 on
10,000 grey faces at 32x32 (60 kimg, one seed)."""
_AUGMENT = Stream.GENERATOR_AUGMENT


class GeneratorStep:
    """Updates the generator by what the discriminator says of its images."""

    def __init__(self, players: Players, batches: Batches, augmenting: Augmenting) -> None:
        self._players, self._batches, self._augmenting = players, batches, augmenting
        self._loss = players.config.loss
        self._adversarial = ADVERSARIAL[self._loss.adversarial]

    def take(self, at: int, images_seen: int, parts: Sequence[Part], made: Tensor | None, watched: bool) -> Made:
        """Learn with the latents at positions `at`, ..., those of the discriminator's last step.

        `made`: the images of these, with their graph, where that step has kept it.
        """
        players, wanted = self._players, self._batches.labels(at)
        noise = self._batches.latents(Stream.LATENTS, at)
        real: Tensor | None = None
        if self._adversarial.generator_sees_real:
            real = self._augmenting.shown(self._batches.real(at).images, _AUGMENT, at, 0)
        players.clear("generator")
        with players.discriminator_at_rest():
            losses = [
                self._learn(
                    at, part, part.of(noise), part.labels(wanted), None if real is None else part.of(real), made
                )
                for part in parts
            ]
            players.update("generator", images_seen)
        return Made(torch.stack(losses).sum(), players.gradient("generator") if watched else None)

    def _learn(
        self, at: int, part: Part, noise: Tensor, wanted: LabelBatch, real: Tensor | None, made: Tensor | None
    ) -> Tensor:
        """Add a part's gradients; returns its share of the adversarial loss."""
        players, labels = self._players, wanted.vectors
        with players.computing():
            generated = players.generator(noise, labels) if made is None else made
            fake = self._augmenting.shown_part(generated, part, _AUGMENT, at, 1)
            fake_says = real_says = players.discriminator(fake, labels)
            if real is not None:
                with torch.no_grad():
                    real_says = players.discriminator(real, labels)
            loss = self._adversarial.generator(real_says.logits, fake_says.logits)
            total = loss
            if players.generator.conditional:
                total = total + objectives.supervision(self._loss, fake_says, wanted)
        (total * part.share).backward()
        return loss.detach() * part.share


class ReconstructionStep:
    """Moves the generator, and latents that are learnt with it, towards making the training images."""

    def __init__(self, players: Players, batches: Batches, images: int, seed: int) -> None:
        """`images`: number of those in the training set, each of which has a latent."""
        self._players, self._batches = players, batches
        source = generator_of(seed, Stream.LEARNT_LATENTS, 0, torch.device("cpu"))
        self._latents = LatentTable(images, players.config.generator.latent, source, players.device)

    def take(self, at: int, parts: Sequence[Part], watched: bool) -> Made:
        """Learn from the images at positions `at`, ..., in one pass for each part."""
        # A latent is learnt for an image, not for its mirror image too.
        batch = self._batches.real(at, mirror=False)
        latents = self._latents.rows(batch.indices)
        self._players.clear("reconstruction")
        losses = []
        for part in parts:
            with self._players.computing():
                made = self._players.generator(part.of(latents), part.of(batch.labels.vectors))
            loss = part.share * laplacian_pyramid_l1(made.float(), part.of(batch.images))
            loss.backward()
            losses.append(loss.detach())
        self._players.update("reconstruction", at)
        if latents.grad is not None:
            self._latents.move(batch.indices, latents.grad * len(latents), LATENT_LR)
        return Made(torch.stack(losses).sum(), self._players.gradient("reconstruction") if watched else None)

    def state(self) -> dict[str, Any]:
        """The latents, for a checkpoint."""
        return self._latents.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        self._latents.load_state(state)
