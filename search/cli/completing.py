"""What the shell offers when a name is half typed (`ignm --install-completion`).

Nothing here loads torch or Ray: a shell waits for it at every press of the tab key.
"""

from collections.abc import Iterable
from pathlib import Path

import typer

from search import STUDIES

YAML = (".yaml", ".yml")


def studies(incomplete: str) -> list[str]:
    """Questions that come along, and YAML files."""
    from search.study.question import bundled_names

    return [*_beginning(bundled_names(), incomplete), *_files(incomplete)]


def begun_studies(ctx: typer.Context, incomplete: str) -> list[str]:
    """Studies in the local storage."""
    storage = Path(str(ctx.params.get("storage") or STUDIES))
    return _beginning((path.parent.name for path in storage.glob("*/study.yaml")), incomplete)


def trials(ctx: typer.Context, incomplete: str) -> list[str]:
    """Trials of the study that was named before."""
    storage, study = (str(ctx.params.get(name) or "") for name in ("storage", "folder"))
    places = (Path(study), Path(storage or STUDIES) / study)
    return _beginning((path.name for place in places for path in (place / "trials").glob("*/")), incomplete)


def datasets(incomplete: str) -> list[str]:
    """Imported datasets, and the embedded one."""
    from ignm.data.store import EMBEDDED, list_datasets

    return _beginning({EMBEDDED, *list_datasets()}, incomplete)


def datasets_at(incomplete: str) -> list[str]:
    """As `datasets`, each with its resolutions."""
    from ignm.data.store import list_datasets

    return _beginning((f"{name}@{at}" for name, sizes in list_datasets().items() for at in sizes), incomplete)


def presets(incomplete: str) -> list[str]:
    """The presets."""
    from ignm.config import preset_names

    return _beginning(preset_names(), incomplete)


def describable(incomplete: str) -> list[str]:
    """Presets, spaces, and YAML files."""
    from ignm.config import preset_names
    from spaces.reading import space_names

    return [*_beginning([*preset_names(), *space_names()], incomplete), *_files(incomplete)]


def config_assignments(incomplete: str) -> list[str]:
    """Paths of the config, each with its equals sign."""
    from ignm.config import config_paths

    return _beginning((f"{path}=" for path in config_paths()), incomplete)


def study_assignments(incomplete: str) -> list[str]:
    """Paths of a study's file and of the config, each with its equals sign."""
    from ignm.config import config_paths
    from ignm.config.fields import fields_of
    from search.study.question import Question

    paths = (*(path for path, _, _ in fields_of(Question)), *config_paths())
    return _beginning((f"{path}=" for path in paths), incomplete)


def narrowings(incomplete: str) -> list[str]:
    """Strategies and paths of the config; the last of a list with commas."""
    from ignm.config import config_paths
    from spaces.strategies import STRATEGIES

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{each}" for each in _beginning([*STRATEGIES, *config_paths()], last)]


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _files(incomplete: str) -> list[str]:
    """YAML files and folders below which there may be some; nothing where they cannot be read."""
    try:
        found = [path for path in Path(incomplete).parent.glob("[!.]*") if path.suffix in YAML or path.is_dir()]
    except OSError:
        return []
    return _beginning((f"{path}/" if path.is_dir() else str(path) for path in found), incomplete)
