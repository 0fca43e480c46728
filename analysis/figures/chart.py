"""A drawn figure with its caption, as the page, the notebooks and the figures folder need it."""

import html
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markupsafe import Markup
from matplotlib.figure import Figure

from analysis.figures.rendering import inline_svg, to_png, to_svg
from ignm.files import atomic_file, read_json, write_json, write_text

LIST = "figures.json"
"""Names of the figures that the report wrote, so that the next one knows which are its own."""


@dataclass(frozen=True)
class Drawn:
    """A figure, and what it shows."""

    figure: Figure
    caption: str


@dataclass(frozen=True)
class Chart:
    """A figure under its name."""

    name: str
    section: str
    drawn: Drawn

    @property
    def caption(self) -> str:
        """What it shows."""
        return self.drawn.caption

    @cached_property
    def document(self) -> str:
        """The figure as an SVG file."""
        return to_svg(self.drawn.figure)

    @cached_property
    def svg(self) -> Markup:
        """The figure as a part of a page."""
        part = inline_svg(self.document, self.name.replace(".", "-"), html.escape(self.caption))
        # The figure's own text was escaped when it was drawn, and the caption just above.
        return Markup(part)  # noqa: S704

    @cached_property
    def png(self) -> bytes:
        """The figure as a picture."""
        return to_png(self.drawn.figure)

    def _repr_png_(self) -> bytes:
        """Show it in a notebook."""
        return self.png


def write_charts(folder: Path, charts: list[Chart]) -> None:
    """Write each figure as SVG and PNG, and remove those of an earlier report that no longer exist."""
    known = folder / LIST
    before = set(read_json(known).get("figures", ())) if known.is_file() else set()
    for chart in charts:
        write_text(folder / f"{chart.name}.svg", chart.document)
        with atomic_file(folder / f"{chart.name}.png") as temporary:
            temporary.write_bytes(chart.png)
    names = [chart.name for chart in charts]
    for gone in before - set(names):
        for suffix in ("svg", "png"):
            (folder / f"{Path(gone).name}.{suffix}").unlink(missing_ok=True)
    write_json(known, {"figures": names})
