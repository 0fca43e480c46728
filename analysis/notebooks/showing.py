"""What the notebooks call to show tables, figures and sentences of a study."""

import base64
import html
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from analysis.conclusions import conclude
from analysis.figures.registry import draw_one, without
from analysis.formatting import amount
from analysis.gallery import top_trials
from analysis.tables.registry import TABLES
from analysis.tables.writers import to_markdown
from analysis.view import View
from ignm.words import count


@dataclass(frozen=True)
class Shown:
    """Something that a notebook displays as HTML, and a terminal as text."""

    text: str
    page: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.page


@dataclass(frozen=True)
class Written:
    """Something that a notebook displays as Markdown, and a terminal as it is."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


def nothing_to_show(view: View) -> dict[str, str]:
    """Return the notebooks that would be empty of this study, and why."""
    if view.ablation.plan is not None:
        return {} if view.has_search else {"search": "as nothing was searched: ignm run does that"}
    why = "as the study has no ablation; an ablate: section and ignm ablate make one"
    return dict.fromkeys(("conclusions", "ablation"), why)


def table(view: View, name: str) -> "Written | Shown":
    """Show a conclusion table, as `analysis.tables.registry` names it; without a row, what would make it."""
    made = TABLES[name](view)
    return Written(to_markdown(made)) if made.rows else sentences([f"{made.title}: {made.empty}."])


def frame(found: pd.DataFrame, without: str) -> "pd.DataFrame | Shown":
    """Show a frame, less columns without a value; where nothing is in it, say so in words."""
    there = found.dropna(axis="columns", how="all")
    return sentences([without]) if there.empty else there


def figures(view: View, *names: str) -> Shown:
    """Show figures, as `analysis.figures.registry` names them; of the ablation one for each dataset."""
    drawn = [chart for name in names for chart in draw_one(view, name)]
    if not drawn:
        return sentences([f"{name}: {without(name)}" for name in names])
    return _framed([(chart.name, chart.caption, _png(chart.png)) for chart in drawn])


def samples(view: View) -> Shown:
    """Show samples of every model beside each other; where there are none, those of the best trials."""
    if any(draw_one(view, "samples")):
        return figures(view, "samples")
    found = top_trials(view)
    if not found:
        return sentences(["No samples: no trial has left any."])
    return _framed([("samples", each.title, each.uri) for each in found])


def _framed(pictures: Iterable[tuple[str, str, str]]) -> Shown:
    """Show pictures, each by its name, its caption and its data URI."""
    shown = list(pictures)
    parts = [
        f'<figure><img alt="{html.escape(name)}" style="max-width:100%" src="{uri}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for name, caption, uri in shown
    ]
    return Shown("\n".join(f"{name}: {caption}" for name, caption, _ in shown), "\n".join(parts))


def _png(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"


def sentences(told: Iterable[str]) -> Shown:
    """Show sentences, one a paragraph."""
    lines = [line for line in told if line]
    return Shown("\n".join(lines), "\n".join(f"<p>{html.escape(line)}</p>" for line in lines))


def overview(view: View) -> Shown:
    """Show what was ablated, or that nothing was, and what was unusable."""
    ablation = view.ablation
    size = f"{count(len(ablation.arms), 'arm')} on {', '.join(ablation.datasets)}, {amount(ablation.kimg)} kimg a run."
    return sentences([*([size] if ablation.plan else []), *ablation.notes])


def conclusions(view: View) -> Shown:
    """Show the verdicts in sentences."""
    found = conclude(view)
    if found is None:
        return sentences(view.ablation.notes)
    told = [f"{each.verdict.capitalize()}: {each.claim}. {' '.join(each.sentences)}" for each in found.each]
    return sentences([f"{found.headline}.", *told, *found.untested, *found.switched, *found.caveats])
