"""The page quotes messages as they are written: their fixed parts stand in the sources."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from search.cli.app import EXIT_USER_ERROR
from search.cli.console import EXIT_INTERRUPTED, EXIT_TERMINATED
from search.cli.datasets import EXIT_DIFFERENT
from search.study.folder import TRACEBACK

HOUSE = Path(__file__).parents[2]
PAGE = (HOUSE / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `([^`]+)`", PAGE.partition("## Symptoms")[0], flags=re.MULTILINE)
FILLED_IN = re.compile(r"\.\.\.|\b(?:NAME|FOLDER|N|M)\b")
"""What stands for a name or a number in a quoted message."""
VALUE = "\0"


@cache
def written_texts():
    """Every text in the sources but docstrings, its values cut out."""
    found = []
    for package in ("ignm", "spaces", "search", "analysis"):
        for path in sorted((HOUSE / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            told = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
            found += [text for each in ast.walk(tree) if id(each) not in told and (text := text_of(each)) is not None]
    return "\n".join(found)


def text_of(node):
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else VALUE for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@pytest.mark.parametrize("message", MESSAGES)
def test_a_quoted_message_is_one_that_is_written(message):
    # `!r` writes the quotation marks around a name.
    told = message.removeprefix("error: ").replace("'NAME'", "NAME").strip(". ")
    fixed = [re.escape(part) for part in FILLED_IN.split(told)]
    assert re.search("[^\n]*".join(fixed), written_texts()), f"nobody writes: {message}"


def test_messages_are_found():
    assert len(MESSAGES) >= 12


def test_exit_codes_and_the_traceback_are_those_of_the_code():
    codes = (EXIT_DIFFERENT, EXIT_USER_ERROR, EXIT_INTERRUPTED, EXIT_TERMINATED)
    told = PAGE.partition("Exit codes: ")[2].partition(". ")[0]
    assert [int(code) for code in re.findall(r"\d+", told)] == [0, *codes]
    assert f"`{TRACEBACK}`" in PAGE
