"""The tables by name: what is written of them elsewhere is held to the registry."""

import re
from pathlib import Path

from support.ablated import Ablated

from analysis.tables.registry import TABLES, make_tables
from analysis.view import open_view

CLAIMS = Path(__file__).parents[3] / "docs" / "claims.md"


def test_the_documentation_names_every_table():
    section = CLAIMS.read_text(encoding="utf-8").split("\n## The tables\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall("`([^`]+)`", row)]
    assert sorted(named) == sorted(TABLES)


def test_each_table_is_called_what_the_registry_calls_it(tmp_path):
    tables = make_tables(open_view(Ablated(tmp_path).factorial().write()))
    assert {name: table.name for name, table in tables.items()} == {name: name for name in TABLES}
