"""What the notebooks call to show tables, figures and sentences of a study."""

import base64
import html
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.conclusions import conclude
from analysis.figures.registry import draw_one
from analysis.formatting import amount
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


def table(view: View, name: str) -> Written:
    """Show a conclusion table, as `analysis.tables.registry` names it."""
    return Written(to_markdown(TABLES[name](view)))


def figures(view: View, *names: str) -> Shown:
    """Show figures, as `analysis.figures.registry` names them; of the ablation one for each dataset."""
    drawn = [chart for name in names for chart in draw_one(view, name)]
    if not drawn:
        return sentences([f"No figure: nothing to draw {', '.join(names)} from."])
    parts = [
        f'<figure><img alt="{html.escape(chart.name)}" style="max-width:100%" '
        f'src="data:image/png;base64,{base64.b64encode(chart.png).decode("ascii")}">'
        f"<figcaption>{html.escape(chart.caption)}</figcaption></figure>"
        for chart in drawn
    ]
    return Shown("\n".join(f"{chart.name}: {chart.caption}" for chart in drawn), "\n".join(parts))


def sentences(told: Iterable[str]) -> Shown:
    """Show sentences, one a paragraph."""
    lines = list(told)
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
    told = [found.headline, *(sentence for each in found.each for sentence in each.sentences), *found.caveats]
    return sentences(told)
