"""A figure as a file, and as a part of a page."""

import io
import re

from matplotlib.figure import Figure

from analysis.figures.style import GREY, INK, PALETTE, PAPER, RULE, style


def to_svg(figure: Figure) -> str:
    """Render as SVG text; the same figure gives the same bytes."""
    buffer = io.StringIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return buffer.getvalue()


def to_png(figure: Figure) -> bytes:
    """Render as PNG at 160 dots an inch."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
    return buffer.getvalue()


def inline_svg(svg: str, prefix: str, description: str) -> str:
    """Make an SVG document part of an HTML page: no header, ids of its own, colours that follow the page's theme.

    description: plain text for readers who cannot see it; must already be escaped for an HTML attribute.
    """
    body = svg[svg.index("<svg") :]
    width = float(re.search(r'width="([\d.]+)pt"', body)[1])  # type: ignore[index]
    head, rest = body.split(">", 1)
    view = re.search(r'viewBox="[^"]+"', head)[0]  # type: ignore[index]
    for pattern in (r'(\bid=")', r'(href="#)', r"(url\(#)"):
        rest = re.sub(pattern, rf"\g<1>{prefix}-", rest)
    rest = re.sub(r'style="[^"]*"', _follow_theme, rest)
    style = f"width:100%;max-width:{width * 4 / 3 * 1.15:.0f}px"
    return f'<svg {view} style="{style}" role="img" aria-label="{description}">{rest}'


def _follow_theme(style: re.Match[str]) -> str:
    text = style[0]
    for colour, variable in ((INK, "ink"), (RULE, "rule"), (PAPER, "paper"), (GREY, "grey"), (PALETTE[0], "blue")):
        text = text.replace(colour, f"var(--{variable})")
    return text
