"""The conclusion tables as plain values, and their CSV, Markdown and LaTeX."""
