"""The notebooks: kept without outputs, executed from top to bottom, and never the end of a report."""

import json

import nbformat
import pytest
from support.ablated import Ablated

from analysis.notebooks import running
from analysis.notebooks.running import FOLDER, NAMES, execute_notebooks, read_notebook
from analysis.report import build_report


@pytest.fixture
def study(tmp_path):
    levels = {"wgan-gp": 90.0, "sagan": 80.0}
    return Ablated(tmp_path / "study", {"structure": 20.0}, levels=levels).everything().write()


def images(notebook):
    return [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "data:image/png" in output.get("data", {}).get("text/html", "")
    ]


def test_they_are_all_there_and_kept_without_what_came_out():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)
    for name in NAMES:
        notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
        nbformat.validate(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                assert cell.outputs == []
                assert cell.execution_count is None
                # They call; they do not compute.
                assert len(cell.source.splitlines()) <= 7
        assert [cell.metadata.get("tags") for cell in notebook.cells].count(["parameters"]) == 1


def test_parameters_come_after_the_cell_that_holds_them():
    cells = read_notebook("search", {"study": "it's here"}).cells
    at = next(number for number, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", ()))
    assert cells[at + 1].metadata["tags"] == ["injected-parameters"]
    assert cells[at + 1].source == 'study = "it\'s here"'


def test_they_run_from_top_to_bottom_and_the_page_says_so(study):
    page = build_report(study).read_text(encoding="utf-8")
    for name in NAMES:
        assert f"notebooks/{name}.ipynb</code>: executed from top to bottom" in page
        notebook = nbformat.read(study / "report" / "notebooks" / f"{name}.ipynb", as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
        assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
    conclusions = nbformat.read(study / "report" / "notebooks" / "conclusions.ipynb", as_version=4)
    assert "What became of the claims" in json.dumps(conclusions)
    assert len(images(conclusions)) == 1


def test_one_that_fails_does_not_stop_the_others(study, tmp_path, monkeypatch):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    sources = {
        "broken": ["left = 3", "raise ValueError('made to fail')", "never = 1"],
        "dies": ["import os; os._exit(3)"],
        "whole": ["print(study, 'left' in globals())"],
    }
    for name, lines in sources.items():
        cells = [nbformat.v4.new_code_cell(line, id=f"c{at}") for at, line in enumerate(lines)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    monkeypatch.setattr(running, "FOLDER", folder)
    broken, dies, whole = execute_notebooks(study / "report", ("broken", "dies", "whole"))
    assert (broken.well, dies.well, whole.well) == (False, False, True)
    assert broken.said == "stopped by ValueError: made to fail"
    kept = nbformat.read(study / "report" / "notebooks" / "whole.ipynb", as_version=4)
    assert kept.cells[-1].outputs[0].text == "../.. False\n"


def test_a_kernel_that_does_not_start_is_said(study, monkeypatch):
    monkeypatch.setattr(running.sys, "executable", "/nowhere/python")
    found = execute_notebooks(study / "report")
    assert [each.name for each in found] == list(NAMES)
    assert all(not each.well and each.said.startswith("not executed: ") for each in found)
