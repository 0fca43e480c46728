"""What can be told of an ablation before anything is run: that its datasets are there, and that its arms can work."""

from collections.abc import Mapping

from rich.console import Console

from ignm.data.cache import Dataset
from ignm.errors import IgnmError
from ignm.training.trial import check_new
from search.designs.design import Design, Model, Terms
from search.designs.known import Foretold
from search.designs.registry import make_designs
from search.designs.terms import ablate_of, datasets_of, improved_model, stand_in, terms_of
from search.displaying.loading import load_dataset
from search.study.folder import StudyFolder
from search.study.question import Question
from search.study.sections import WINNER


def load_datasets(question: Question, console: Console, own: Dataset) -> dict[str, Dataset]:
    """Open the ablation's datasets, by NAME@RESOLUTION; `own` is the study's. Raises IgnmError where one is missing."""
    found = {}
    for name, resolution in datasets_of(question):
        try:
            same = (name, resolution) == (own.name, own.resolution)
            found[f"{name}@{resolution}"] = own if same else load_dataset(console, name, resolution)
        except IgnmError as error:
            raise IgnmError(f"ablate.datasets: {error}") from None
    return found


def check_ablation(question: Question, folder: StudyFolder, datasets: Mapping[str, Dataset]) -> None:
    """Raise IgnmError where an arm of the ablation could not begin, as far as its arms are known without a winner."""
    # A winner trains, as the search has shown.
    winner = ablate_of(question).improved == WINNER
    terms = terms_of(question, Model(WINNER, question.base()) if winner else improved_model(question, folder))
    make_designs(ablate_of(question).designs, terms, Foretold())
    for each in terms:
        for model in (*each.baselines, each.improved):
            try:
                check_new(model.config, datasets[each.dataset])
            except IgnmError as error:
                raise IgnmError(f"ablate: {model.name} cannot be trained on {each.dataset}: {error}") from None


def foreseen_designs(question: Question, folder: StudyFolder) -> tuple[list[Terms], list[Design], bool]:
    """The designs as they will be, and whether that is known: a winner that is not yet there is stood in for."""
    waits = ablate_of(question).improved == WINNER and not (folder.best / "config.yaml").exists()
    terms = terms_of(question, stand_in(question) if waits else improved_model(question, folder))
    return terms, make_designs(ablate_of(question).designs, terms, Foretold()), not waits
