"""What a study asks: dataset, space, budget and stages, as one validated file."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from ignm.config import Config, Evaluation, config_paths, load_preset, nearest, override, read_yaml, validated
from ignm.config.fields import fields_of
from ignm.config.files import located, parse_yaml, set_path
from ignm.config.section import Section
from ignm.errors import IgnmError
from search import STUDIES
from search.study.sections import Ablate, Budget, Confirm, DataQuestion, Resources, Suggesting, Tracking
from spaces.axis import Value
from spaces.reading import load_space
from spaces.space import Space
from spaces.strategies import STUDY_PATHS

Setting = Value | tuple[str, ...]
"""A value of the config: one that an axis may have, or a list of names."""
STAGES = ("search", "confirm", "ablate", "report")
DOTTED = ("set", "fix")
"""Fields whose keys are dotted paths of the config."""


class Question(Section):
    """A study's question, resolved: two runs of one question do the same."""

    name: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$")
    """Of its folder; the file's own name, when left out."""
    data: DataQuestion
    preset: str = "dcgan"
    """The baseline: what the search starts from, and is compared with."""
    set: dict[str, Setting] = {}
    """Changes to the preset, the same in every trial; path -> value."""
    space: str = "first"
    """What varies: a space that comes along, or a YAML file, found from this one."""
    only: tuple[str, ...] = ()
    """Strategies and paths: the axes of the space that are searched; empty: all."""
    fix: dict[str, Setting] = {}
    """As `set`, and stronger; an axis of the space at such a path is not searched."""
    points: tuple[dict[str, Value], ...] = ()
    """Known good points to try first, each as changes to the preset."""
    budget: Budget
    confirm: Confirm = Confirm()
    ablate: Ablate | None = None
    """null: the study has no ablation."""
    evaluation: Evaluation = Evaluation()
    resources: Resources = Resources()
    suggesting: Suggesting = Suggesting()
    tracking: Tracking = Tracking()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the search's suggestions and of its trials; confirm and ablation add 1,000 and 2,000 to it."""

    @model_validator(mode="after")
    def _one_dataset(self) -> "Question":
        places = [(name, getattr(self, name)) for name in DOTTED]
        for place, paths in (*places, *((f"points.{i}", point) for i, point in enumerate(self.points))):
            for path in STUDY_PATHS & paths.keys():
                raise ValueError(f"{place}: {path} is said once, under `data`, for the whole study")
        return self

    def base(self) -> Config:
        """The configuration that the space varies."""
        data = {"data.name": self.data.name, "data.resolution": self.data.resolution}
        said = [name for name in ("set", "fix") if getattr(self, name)]
        called = f"study {self.name}, preset {self.preset}{' with its ' + ' and '.join(said) if said else ''}"
        return load_preset(self.preset, {**self.set, **self.fix, **data}, called)

    def load_space(self) -> Space:
        """Load what is searched of the space: as narrowed, and as far as the base and the config let it be.

        Raises IgnmError for a space that does not fit, and for points outside of it.
        """
        base = self.base()
        # The whole first: what is mistaken in it is told, though it be in a part that is not searched.
        whole = load_space(self.space, base)
        space = (whole.only(self.only) if self.only else whole).fixed(self.fix).possible(base)
        space.check(base)
        for point in self.points:
            space.values_of(base, override(base, point))
        return space

    @property
    def stages(self) -> tuple[str, ...]:
        """What `ignm run` runs of it, in order: an ablation only where it is asked for."""
        return tuple(stage for stage in STAGES if stage != "ablate" or self.ablate is not None)

    def narrowed(self, fix: dict[str, Any], only: Sequence[str]) -> "Question":
        """Return the question with more paths fixed, and only some axes searched where `only` names any.

        Its points keep what is still searched of them; one that does not work without the rest is left out. Raises
        IgnmError for a path or a name that does not exist, and where nothing is left to search.
        """
        if self.points:
            self.load_space()
        changes = {"fix": {**self.fix, **fix}, "only": tuple(only) or self.only, "points": ()}
        narrow = validated(Question, {**self.model_dump(), **changes}, f"study {self.name}")
        base, space = narrow.base(), narrow.load_space()
        points = ({path: point[path] for path in space.paths if path in point} for point in self.points)
        kept = tuple(point for point in points if point and _lies_in(space, base, point))
        return narrow.model_copy(update={"points": kept})


def bundled_names() -> list[str]:
    """Names of the questions that come with the project."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _bundled().iterdir() if entry.name.endswith(".yaml"))


def load_question(
    source: str,
    changes: dict[str, Any] | None = None,
    fix: dict[str, Any] | None = None,
    only: Sequence[str] = (),
) -> Question:
    """Load a question by its bundled name or from a YAML file, with values at some dotted paths replaced.

    `changes` are of the study's own fields, or of the config, and then part of its `set`; `fix` and `only` narrow what
    is searched, as `Question.narrowed` says.
    """
    if source in bundled_names():
        raw = parse_yaml((_bundled() / f"{source}.yaml").read_text(encoding="utf-8"), f"study {source}")
        name = source
    elif source.endswith((".yaml", ".yml")):
        raw, name = _from_file(Path(source)), Path(source).stem
    else:
        raise IgnmError(_no_question(source))
    raw = {"name": name, **raw}
    for path, value in _of_study(changes or {}).items():
        field, _, rest = path.partition(".")
        if field in DOTTED and rest:
            # The keys of these are dotted paths themselves.
            known = raw.get(field, {})
            if not isinstance(known, dict):
                raise IgnmError(f"study {source}: {field}: expected a mapping of paths to values, found {known!r}")
            raw[field] = {**known, **located({rest: value}, Path())}
        else:
            set_path(raw, path, value)
    question = validated(Question, raw, f"study {source}")
    if fix or only:
        return question.narrowed(located(fix or {}, Path()), only)
    question.load_space()
    return question


def _of_study(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes by the study's paths: what only a config has is part of the study's `set`."""
    theirs = frozenset(config_paths()) - {path for path, _, _ in fields_of(Question)}
    # So a mistyped path is told as one of the section that it is in.
    sections = Config.model_fields.keys() - Question.model_fields.keys()

    def of_config(path: str) -> bool:
        return path in theirs or path.partition(".")[0] in sections

    return {f"set.{path}" if of_config(path) else path: value for path, value in changes.items()}


def _no_question(source: str) -> str:
    names = bundled_names()
    text = f"study '{source}' is neither a file ending in .yaml nor one that comes with ignm ({', '.join(names)})"
    path = Path(source)
    beside = [path.with_suffix(suffix) for suffix in (".yaml", ".yml")]
    begun = [place / "study.yaml" for place in (path, Path(STUDIES) / source)]
    found = next((str(each) for each in (*beside, *begun) if each.is_file()), None)
    return f"{text} (did you mean {found}?)" if found else f"{text}{nearest(source, names)}"


def _lies_in(space: Space, base: Config, point: dict[str, Value]) -> bool:
    try:
        space.values_of(base, override(base, point))
    except IgnmError:
        return False
    return True


def _from_file(path: Path) -> dict[str, Any]:
    raw = read_yaml(path)
    # A study's own record repeats the question that it answers.
    raw = raw["question"] if isinstance(raw.get("question"), dict) else raw
    for field in DOTTED:
        if isinstance(raw.get(field), dict):
            raw = raw | {field: located(raw[field], path.parent)}
    ablate = raw.get("ablate")
    if isinstance(ablate, dict):
        raw = raw | {"ablate": {field: _beside(path, value) for field, value in ablate.items()}}
    return raw | {"space": _beside(path, raw["space"])} if "space" in raw else raw


def _beside(path: Path, value: Any) -> Any:
    """The YAML files that a field names, as seen from the study's file."""
    if isinstance(value, list):
        return [_beside(path, each) for each in value]
    if isinstance(value, str) and value.endswith((".yaml", ".yml")):
        return str((path.parent / value).resolve())
    return value


def _bundled() -> Any:
    return resources.files("search") / "studies"
