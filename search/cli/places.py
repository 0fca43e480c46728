"""Arguments that several commands share: a study, and where studies lie."""

import typer

from search import STUDIES
from search.cli import completing

STORAGE = typer.Option(STUDIES, help="Where studies lie: a folder, or a URI like s3://BUCKET/PREFIX.")
FOLDER = typer.Argument(
    help="A study's folder or URI, or its name under --storage.",
    show_default=False,
    autocompletion=completing.begun_studies,
)
