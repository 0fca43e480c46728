"""A search without Ray: what Tune would tell the searcher, and what trials would write into their folders."""

import json

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from ray.tune.search import Searcher

from search.searcher.ledger import path_of
from search.searcher.study_search import StudySearch
from search.study.folder import Status


def asking(question, suggesting=None, **budget):
    """The question with other ways of suggesting, and another budget."""
    changes = {"suggesting": question.suggesting.model_copy(update=suggesting or {})}
    return question.model_copy(update=changes | {"budget": question.budget.model_copy(update=budget)})


def open_optuna(folder, question):
    """Optuna's study on disk, as optuna-dashboard opens it."""
    path = path_of(folder, question)
    sqlite = question.suggesting.storage == "sqlite"
    storage = f"sqlite:///{path}" if sqlite else JournalStorage(JournalFileBackend(str(path)))
    return optuna.load_study(study_name=question.name, storage=storage)


class Driver:
    """Opens a study's search, and lets its trials live."""

    def __init__(self, folder, question, **arguments):
        self.folder, self.question = folder, question
        self.search = StudySearch(folder, question, question.load_space(), {"study": str(folder.path)}, **arguments)
        self.keys, self.asked = {}, 0
        self.points = question.budget.measure_at(question.budget.kimg)

    def begin(self):
        """The name of a new trial; None where the search wants to wait, FINISHED at its end."""
        self.asked += 1
        key = f"tune-{self.asked}"
        suggested = self.search.suggest(key)
        if suggested is None or suggested == Searcher.FINISHED:
            return suggested
        self.keys[suggested["trial"]] = key
        (self.trial(suggested["trial"]).path / "process").write_text("here 1\n")
        return suggested["trial"]

    def trial(self, name):
        return self.folder.trial(name)

    def measure(self, name, quality, **fields):
        """Write the next measurement into the trial's folder, and ask whether it is stopped for it."""
        before = self.trial(name).measurements()
        point = self.points[len(before)]
        line = {
            "point": point,
            "kimg": point + 0.01,
            "seconds": 2 * point,
            "quality": quality,
            "diversity": 0.5,
        } | fields
        path = self.trial(name).path / "measurements.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in [*before, line]))
        if point == self.points[-1]:
            self.end(name, Status.COMPLETED)
            return False
        stopped = self.search.should_prune(self.keys[name], line)
        if stopped:
            self.search.on_trial_complete(self.keys[name], line)
        return stopped

    def end(self, name, status, error=False):
        """End a trial as its process would, and tell the search."""
        if error:
            self.trial(name).end_failed()
        else:
            self.trial(name).end(status)
        self.search.on_trial_complete(self.keys[name], error=error)

    def complete(self, name, quality, **fields):
        """Measure a trial to its end, or until it is stopped."""
        while self.trial(name).status() is Status.RUNNING:
            self.measure(name, quality, **fields)

    def on_disk(self):
        """Optuna's trials, as its file has them."""
        return open_optuna(self.folder, self.question).get_trials()

    def parameters(self, name):
        return self.trial(name).label()["parameters"]
