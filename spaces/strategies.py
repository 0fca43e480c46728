"""The strategies: which part of the Config each one owns, and what switching one on changes.

Four of them are the paper's; `optim`, how the networks are updated, is the fifth. An ablation switches the paper's
four: there a loss brings its optimiser along, because a published loss is a recipe of both, and a loss without its
learning rates and critic steps would be judged on terms that nobody proposed it for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from ignm.config import Config, config_paths, flat, nearest, override
from ignm.config.refusals import GRADIENT_PENALTIES
from ignm.errors import IgnmError

Strategy = Literal["data", "structure", "init", "loss", "optim"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
BUNDLES: dict[Strategy, tuple[Strategy, ...]] = {
    "data": ("data",),
    "structure": ("structure",),
    "init": ("init",),
    "loss": ("loss", "optim"),
}
"""The paper's four, as an ablation switches them: whose paths each bundle carries."""

_SECTIONS: dict[str, Strategy] = {
    "data": "data",
    "augment": "data",
    "generator": "structure",
    "discriminator": "structure",
    "loss": "loss",
    "init": "init",
    "optim": "optim",
    "ema": "optim",
}
_PATHS: dict[str, Strategy] = {
    "generator.weights": "init",
    "discriminator.weights": "init",
    # Labels enter the generator only because a loss asks for them.
    "generator.condition": "loss",
}

STUDY_PATHS = frozenset({"data.name", "data.resolution"})
"""Which images: the same for a whole study, as results on different images cannot be compared."""
DATASET_PATHS = STUDY_PATHS | {"data.labels"}
"""What describes the dataset itself and belongs to no bundle."""


def strategy_of(path: str) -> Strategy:
    """Return the strategy that owns a dotted path of the Config; raise IgnmError where there is no such path."""
    if path not in _known():
        paths = sorted(_known())
        raise IgnmError(f"{path}: the config has no such path{nearest(path, paths)}; paths: {', '.join(paths)}")
    return _PATHS.get(path) or _SECTIONS[path.partition(".")[0]]


@cache
def _known() -> frozenset[str]:
    return frozenset(config_paths())


@dataclass(frozen=True)
class Bridge:
    """The change that lets two bundles meet which were never meant to; part of what is reported of a combination."""

    path: str
    value: Any
    reason: str
    """Why it is needed, and whose example it follows."""
    needed: Callable[[Mapping[str, Any]], bool]
    """Whether the config, as path -> value, is in the situation that `ignm.config.refusals` refuses."""


BRIDGES: tuple[Bridge, ...] = (
    Bridge(
        "discriminator.normalisation",
        "layer",
        "a gradient penalty needs a critic that judges image by image, which batch normalisation does not; layer "
        "normalisation takes its place, as Gulrajani et al. 2017 recommend (section 4)",
        lambda at: at["loss.penalty"] in GRADIENT_PENALTIES and at["discriminator.normalisation"] == "batch",
    ),
    Bridge(
        "discriminator.normalisation",
        "layer",
        "a gradient penalty squares the critic's slope, on which pixel normalisation sets no bound; layer normalisation"
        " takes its place, as in Gulrajani et al. 2017",
        lambda at: at["loss.penalty"] in GRADIENT_PENALTIES and at["discriminator.normalisation"] == "pixel",
    ),
    Bridge(
        "generator.condition",
        "latent",
        "labels cannot enter by batch normalisation where there is none; they are concatenated to the latent, as in "
        "Mirza and Osindero 2014",
        lambda at: at["generator.condition"] == "normalisation" and at["generator.normalisation"] != "batch",
    ),
    Bridge(
        "discriminator.attention",
        None,
        "a discriminator that reads pretrained features has no map of its own for self-attention (Sauer et al. 2021)",
        lambda at: at["init.features"] is not None and at["discriminator.attention"] is not None,
    ),
    Bridge(
        "loss.attention",
        0.0,
        "a discriminator that reads pretrained features keeps no map of the image, whose attention could be compared "
        "with its mirror image's (Sauer et al. 2021)",
        lambda at: at["init.features"] is not None and at["loss.attention"] > 0,
    ),
)


@dataclass(frozen=True)
class Combination:
    """A baseline with some of the strategies of an improved model switched on."""

    on: tuple[Strategy, ...]
    config: Config
    bridges: tuple[Bridge, ...]
    """What had to be changed besides, in the order of `BRIDGES`; empty for none and for all strategies."""


def bundle(baseline: Config, improved: Config, strategy: str) -> dict[str, Any]:
    """Return what a strategy changes on the way from the baseline to the improved model: path -> new value.

    `strategy` is one of the four in `BUNDLES`; `loss` carries the optimiser too. The dataset is left as it is. Raises
    IgnmError for any other name.
    """
    owners = BUNDLES[_switched(strategy)]
    before, after = flat(baseline), flat(improved)
    return {
        path: value
        for path, value in after.items()
        if path not in DATASET_PATHS and strategy_of(path) in owners and before[path] != value
    }


def combine(baseline: Config, improved: Config, on: Iterable[str]) -> Combination:
    """Return the baseline with the bundles of the strategies in `on` applied, and the bridges that this needed.

    With all four it is the improved model itself, with none the baseline itself, each on the baseline's dataset.
    Raises IgnmError for an unknown strategy, and where no bridge makes the combination one that can work.
    """
    wanted = {_switched(name) for name in on}
    chosen = tuple(name for name in BUNDLES if name in wanted)
    changes: dict[str, Any] = {}
    for name in chosen:
        changes |= bundle(baseline, improved, name)
    used: list[Bridge] = []
    for bridge in BRIDGES:
        if bridge.needed({**flat(baseline), **changes}):
            changes[bridge.path] = bridge.value
            used.append(bridge)
    try:
        return Combination(chosen, override(baseline, changes), tuple(used))
    except IgnmError as error:
        raise IgnmError(f"the strategies {', '.join(chosen)} do not go together on this baseline: {error}") from None


def _switched(name: str) -> Strategy:
    found = next((known for known in BUNDLES if known == name), None)
    if found is None:
        hint = "; the optimiser goes with loss" if name == "optim" else nearest(name, list(BUNDLES))
        raise IgnmError(f"strategy '{name}': cannot be switched; those that can: {', '.join(BUNDLES)}{hint}")
    return found
