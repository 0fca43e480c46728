"""What the pages say is there: links lead somewhere, commands and options exist, files that they show are valid."""

import re
import shlex
import textwrap
from pathlib import Path

import pytest
import typer
import yaml

from analysis.claims.claim import Claim
from ignm.config import Config
from search.cli.app import app
from search.study.question import load_question
from spaces.reading import load_space

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_links_lead_somewhere(page, text):
    for link in LINK.findall(FENCE.sub("", text)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(text):
    """Lines of indented blocks that begin with `ignm`, whole in back ticks, and in `ray exec`."""
    lines = re.findall(r"^ {4}(ignm .*)$", text.replace("\\\n", " "), re.MULTILINE)
    lines += re.findall(r"`(ignm [^`]*)`", FENCE.sub("", text))
    lines += re.findall(r"'(ignm [^']*)'", text)
    for line in lines:
        words = shlex.split(line, comments=True)
        # What follows a shell's sign is not the command's.
        yield words[: next((place for place, word in enumerate(words) if word in ("&&", "|", ">")), None)]


def test_commands_and_their_options_exist(text):
    for words in commands(text):
        command = typer.main.get_command(app)
        for word in words[1:]:
            if word == "...":
                break
            if word.startswith("--"):
                options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
                assert word.partition("=")[0] in {*options, "--help"}, words
            elif hasattr(command, "commands") and not word.startswith("-"):
                assert word in command.commands or word.isupper(), words
                command = command.commands.get(word, command)


def test_shown_files_are_valid(text, tmp_path):
    for language, block in FENCE.findall(text):
        if language != "yaml":
            continue
        shown = next(yaml.safe_load_all(block))
        path = tmp_path / "shown.yaml"
        path.write_text(block, encoding="utf-8")
        if "axes" in shown or "include" in shown:
            load_space(str(path), Config())
        elif "claims" in shown:
            assert [Claim.model_validate(each) for each in shown["claims"]]
        elif "preset" in shown and "budget" in shown:
            load_question(str(path), {"space": "first"} if str(shown.get("space")).endswith(".yaml") else None)


def test_files_that_pages_name_are_there(text):
    """A path in back ticks that begins in one of the project's rooms."""
    for named in re.findall(r"`((?:ignm|spaces|search|analysis|tests|benchmarks|docs)/[\w./-]*)`", text):
        # A page of tests names them from there.
        assert (ROOT / named).exists() or (ROOT / "tests" / named).exists(), named


@pytest.mark.parametrize("name", ["cluster.yaml", "cluster-local.yaml"])
def test_cluster_files_are_on_a_page(name):
    assert f"`{name}`" in (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")


def test_every_page_is_reached_from_the_readme():
    docs = ROOT / "docs"
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in LINK.findall((ROOT / "README.md").read_text())}
    linked |= {(docs / link.partition("#")[0]).resolve() for link in LINK.findall((docs / "results.md").read_text())}
    missing = {page.name for page in (*docs.glob("*.md"), *(docs / "results").glob("*.md"))} - {p.name for p in linked}
    assert not missing


def test_indented_blocks_are_no_wider_than_a_page(text):
    # A line of code that must be scrolled is not read.
    wide = [line for line in FENCE.sub("", text).splitlines() if line.startswith("    ") and len(line) > 150]
    assert not wide, textwrap.shorten(wide[0], 80) if wide else ""
