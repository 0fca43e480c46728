"""What a question's ablation compares, resolved: baselines, the improved model and the axes, on each dataset."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ignm.config import Config, flat, load_config, load_preset, override
from ignm.config.data import parse_dataset
from ignm.errors import IgnmError
from search.designs.design import Model, Terms
from search.designs.sweeps import options_of
from search.study.folder import StudyFolder
from search.study.question import Question
from search.study.sections import WINNER, Ablate
from spaces.axis import Axis
from spaces.reading import read_space

LIBRARY = "full-labelled"
"""The space that knows of every axis when it decides anything, and which values it may have."""
SWEPT = ("generator.activation", "loss.adversarial", "augment.strength", "generator.weights")
"""What `sweeps` goes through where nothing is said: activations, losses, augmentation strengths, initialisations."""


def ablate_of(question: Question) -> Ablate:
    """The question's `ablate` section; raise IgnmError where it has none."""
    if question.ablate is None:
        raise IgnmError(
            f"study {question.name}: its question has no `ablate` section, so there is nothing to run; add one, for "
            "example `ablate: {designs: [baselines, factorial], improved: ignm}`, or --set ablate.improved=ignm"
        )
    return question.ablate


def datasets_of(question: Question) -> list[tuple[str, int]]:
    """Name and resolution of each dataset of the ablation."""
    asked = ablate_of(question).datasets
    return [parse_dataset(name) for name in asked] if asked else [(question.data.name, question.data.resolution)]


def improved_model(question: Question, folder: StudyFolder) -> Model:
    """The model whose strategies are judged; raise IgnmError where it is the winner and there is none yet."""
    asked = ablate_of(question).improved
    if asked != WINNER:
        return Model(Path(asked).stem, _load(question, asked, "ablate.improved"))
    path = folder.best / "config.yaml"
    if not path.exists():
        raise IgnmError(
            f"ablate.improved: winner: {folder.path} has no winner yet (no {path.name} in best/); run its search and "
            "confirm stages first (`ignm run`), or say a preset or a config's file, as --set ablate.improved=ignm"
        )
    return Model(WINNER, load_config(path))


def terms_of(question: Question, improved: Model) -> list[Terms]:
    """Resolve what is compared on each dataset; raise IgnmError, naming the field, for what cannot be there."""
    asked = ablate_of(question)
    baselines = asked.baselines or (question.preset,)
    starts = asked.starts or baselines[:1]
    library = {axis.path: axis for axis in read_space(LIBRARY).axes}
    domains = {path: axis.domain for path, axis in library.items()}
    domains |= {axis.path: axis.domain for axis in question.load_space().axes}
    sweep = _swept(asked, domains)
    found = []
    for name, resolution in datasets_of(question):
        place = {"data.name": name, "data.resolution": resolution, "data.labels": question.base().data.labels}
        models = {each: _model(question, each, place) for each in baselines}
        found.append(
            Terms(
                dataset=f"{name}@{resolution}",
                baselines=tuple(models.values()),
                starts=tuple(models[each] for each in starts),
                improved=_placed(improved, place),
                axes=library,
                domains=domains,
                sweep=sweep,
            )
        )
    return found


def stand_in(question: Question) -> Model:
    """A config as far from the baseline as the space lets it be, to count a winner's arms by before there is one."""
    config = base = question.base()
    for axis in question.load_space().axes:
        if axis.exists(flat(config)):
            config = _moved(config, axis, flat(base)[axis.path])
    return Model(WINNER, config)


def _moved(config: Config, axis: Axis, own: Any) -> Config:
    for value in options_of(axis.domain):
        if value != own:
            try:
                return override(config, {axis.path: value})
            except IgnmError:
                continue
    return config


def _swept(asked: Ablate, known: Iterable[str]) -> tuple[str, ...]:
    if asked.sweep is None:
        return SWEPT
    for path in asked.sweep:
        if path not in known:
            raise IgnmError(
                f"ablate.sweep: {path}: no space says which values it may have; give the study a space (`space:`) with "
                "an axis of this path, or sweep one of those that `ignm describe full` shows"
            )
    return asked.sweep


def _model(question: Question, name: str, place: dict[str, Any]) -> Model:
    model = Model(Path(name).stem, _load(question, name, "ablate.baselines"))
    return _placed(model, place, "ablate.baselines")


def _load(question: Question, name: str, field: str) -> Config:
    """A preset or a config's file, with what the question changes in every trial."""
    changes = {**question.set, **question.fix, "data.resolution": question.data.resolution}
    try:
        if name.endswith((".yaml", ".yml")):
            return load_config(Path(name), changes)
        return load_preset(name, changes)
    except IgnmError as error:
        raise IgnmError(f"{field}: {error}") from None


def _placed(model: Model, place: dict[str, Any], field: str = "ablate.improved") -> Model:
    try:
        return Model(model.name, override(model.config, place))
    except IgnmError as error:
        where = f"{place['data.name']}@{place['data.resolution']}"
        raise IgnmError(f"{field}: {model.name} cannot be trained on {where}: {error}") from None
