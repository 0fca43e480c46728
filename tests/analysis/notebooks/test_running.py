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


def test_parameters_are_set_in_the_cell_that_holds_them():
    cells = read_notebook("search", {"study": "it's here"}).cells
    assert [cell.source.startswith("study = ") for cell in cells].count(True) == 1
    (cell,) = (cell for cell in cells if "parameters" in cell.metadata.get("tags", ()))
    assert cell.source.startswith('study = "it\'s here"')


def test_a_notebook_without_such_a_cell_gets_one(tmp_path, monkeypatch):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("study", id="a")]), tmp_path / "x.ipynb")
    monkeypatch.setattr(running, "FOLDER", tmp_path)
    assert [cell.source for cell in read_notebook("x", {"study": "s"}).cells] == ["study = 's'", "study"]


def test_they_run_from_top_to_bottom_and_the_page_says_so(study):
    page = build_report(study).read_text(encoding="utf-8")
    # Nothing was searched.
    assert "<li>search: not made, as nothing was searched" in page
    assert not (study / "report" / "notebooks" / "search.ipynb").exists()
    for name in ("conclusions", "ablation", "defects"):
        assert f'<a href="notebooks/{name}.ipynb">{name}.ipynb</a>: executed from top to bottom' in page
        notebook = nbformat.read(study / "report" / "notebooks" / f"{name}.ipynb", as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source]
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
        assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
    conclusions = nbformat.read(study / "report" / "notebooks" / "conclusions.ipynb", as_version=4)
    assert "What became of the claims" in json.dumps(conclusions)
    assert len(images(conclusions)) == 1


def outputs(study, name):
    notebook = nbformat.read(study / "report" / "notebooks" / f"{name}.ipynb", as_version=4)
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def test_of_a_search_alone_they_show_what_there_is_and_no_empty_frame(maker):
    for number in range(3):
        maker.trial(f"search-{number}", f"c{number}", [30.0 - number], **{"generator.width": 32 * (number + 1)})
    for name, quality in (("c2", 9.0), ("base", 10.0)):
        maker.trial(f"confirm-{name}", name, [12.0, quality], stage="confirm", seed=11, defects="oscillation")
    study = maker.write({"config_id": "c2"}, {"base_config_id": "base"})
    stale = study / "report" / "notebooks" / "ablation.ipynb"
    stale.parent.mkdir(parents=True)
    stale.touch()
    page = build_report(study).read_text(encoding="utf-8")
    assert {path.stem for path in stale.parent.glob("*.ipynb")} == {"search", "defects"}
    assert "<li>ablation: not made, as the study has no ablation" in page
    for name in ("search", "defects"):
        # A warning is a stream.
        assert [output.output_type for output in outputs(study, name) if output.output_type == "stream"] == []
        assert "Empty DataFrame" not in json.dumps(outputs(study, name))
    table = outputs(study, "defects")[0].data["text/markdown"]
    assert "| c2 (winner) |" in table
    assert "| base (baseline) |" in table
    assert "no ablation" not in table


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
