"""What the search's importance says, with its caveat: no ablation."""

from analysis.formatting import amount
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.importance import CAVEAT
from analysis.tables.about import study_id
from analysis.tables.table import Column, Table, joined, share, whole, words
from analysis.view import View
from ignm.words import capital, count

COLUMNS = (
    Column("parameter", "Parameter"),
    Column("strategy", "Strategy"),
    Column("importance", "Importance", numeric=True),
    Column("trials", "Trials", numeric=True),
)
TITLE = "What went with good results in the search"


def importance(view: View) -> Table:
    """Return the searched parameters by importance, over the search's trials of one length."""
    found = view.importance
    if isinstance(found, NotEstimable):
        return Table(
            "importance", TITLE, f"{capital(study_id(view.study))}.", COLUMNS, (), (CAVEAT,),
            f"{found.reason}; a longer search makes one",
        )  # fmt: skip
    strategies = {axis.path: axis.strategy for axis in view.study.axes}
    notes = [found.caveat]
    if found.others:
        notes.append(f"{count(found.others, 'trial')} measured at other lengths only are left out.")
    if found.unassessed:
        notes.append(f"The method says nothing about {joined(found.unassessed)}.")
    return Table(
        name="importance",
        title=TITLE,
        caption=f"Shares of the importance by {found.method} over {count(found.n, 'trial')} at {amount(found.kimg)} "
        f"kimg, one seed each; not an ablation. {capital(study_id(view.study))}.",
        columns=COLUMNS,
        rows=tuple(
            (words(each.path), words(strategies.get(each.path)), share(each.importance), whole(each.n))
            for each in found.parameters
        ),
        notes=tuple(notes),
    )
