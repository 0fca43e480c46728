import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.report import build_report
from ignm.errors import IgnmError

VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """What a reader and a browser see: text by element id, every attribute, and whether tags match."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.text, self.attributes, self.unmatched = [], {}, [], []
        self.cells, self.images, self.ids = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *attr) for attr in attrs]
        named = dict(attrs)
        if "id" in named:
            self.ids.append(named["id"])
        if tag == "img":
            self.images.append(named)
        if tag in ("td", "th"):
            self.cells.append("")
        if tag not in VOID:
            self.stack.append((tag, named.get("id")))

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, *attr) for attr in attrs]

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop()[0] != tag:
            self.unmatched.append(tag)

    def handle_data(self, data):
        for _, name in self.stack:
            if name:
                self.text[name] = self.text.get(name, "") + data
        if any(tag in ("td", "th") for tag, _ in self.stack):
            self.cells[-1] += data


def page_of(study):
    return Page(build_report(study, notebooks=False).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def built(plausible):
    return build_report(plausible, notebooks=False)


@pytest.fixture(scope="module")
def page(built):
    return Page(built.read_text(encoding="utf-8"))


def test_golden_facts(page, plausible):
    rows = pd.read_parquet(plausible / "results.parquet")
    final = (
        rows[(rows["stage"] == "confirm") & (rows["kimg"] == 120)].groupby("config_id")["quality"].agg(["mean", "std"])
    )
    best = final["mean"].idxmin()
    below = 1 - final["mean"].min() / final.loc["dc9a11", "mean"]
    headline = (
        f"Best configuration: {best} — fd_tiny {final['mean'].min():.1f} ± {final.loc[best, 'std']:.1f} "
        f"(mean ± SD of 2 fresh seeds, 120 kimg), {below:.0%} below the dcgan baseline "
        f"({final.loc['dc9a11', 'mean']:.1f})"
    )
    assert headline in page.text["finding"]
    assert "winner's curse" in page.text["finding"]
    assert f"{final['mean'].min():.2f} ± {final.loc[best, 'std']:.2f}" in page.cells
    for status in ("pruned", "diverged", "out of memory", "failed"):
        assert status in page.cells
    assert "ignm run faces-quick/study.yaml" in page.text["how"]
    assert "2.14.0" in page.text["how"]
    assert "optim.generator.lr" in page.text["configuration"]
    assert "The study has no ablation" in page.text["tables"]
    assert "table-verdicts" not in page.ids


def test_page_is_well_formed_and_stands_alone(built, page):
    text = built.read_text(encoding="utf-8")
    assert page.unmatched == []
    assert page.stack == []
    assert len(page.ids) == len(set(page.ids))
    assert re.search(r"https?:", text) is None
    assert "<script" not in text
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "srcset", "data", "poster"):
            assert value.startswith(("data:image/", "#")) or (built.parent / value).is_file(), (tag, name, value[:60])
    references = {value[1:] for _, name, value in page.attributes if name.endswith("href") and value.startswith("#")}
    references |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert references <= set(page.ids) | set(re.findall(r'\bid="([^"]+)"', text))


def test_tables_and_what_may_be_taken_away_are_linked(page):
    linked = {value for tag, name, value in page.attributes if (tag, name) == ("a", "href")}
    assert {f"tables/defects.{suffix}" for suffix in ("csv", "md", "tex")} <= linked
    assert {f"tables/leaderboard.{suffix}" for suffix in ("csv", "md", "tex")} <= linked
    assert {"../best/config.yaml", "../best/evidence.json"} <= linked


def test_a_table_without_a_row_is_one_folded_line_and_no_file(built, page):
    assert {path.stem for path in (built.parent / "tables").iterdir()} == {"leaderboard", "defects"}
    assert "11 tables have no row in this study" in page.text["tables"]
    assert "What the strategies do together: no factorial design; ablate: {designs: [factorial]}" in page.text["tables"]


def test_the_winner_is_told_in_words_and_whose_weights_are_kept(page, plausible):
    evidence = json.loads((plausible / "best" / "evidence.json").read_text(encoding="utf-8"))
    rate = evidence["parameters"]["optim.generator.lr"]
    assert f"It is the dcgan preset with optim.generator.lr {rate:.4g}" in page.text["finding"]
    which = "its best seed" if evidence["quality"] == min(evidence["qualities"]) else "one of its seeds"
    kept = f"The weights in best/ are those of {which} ({evidence['trial']}: {evidence['quality']:.1f})"
    assert kept in page.text["finding"]


def test_faces_are_large_enough_to_be_seen(maker):
    maker.trial("s0", "a", [20.0])
    study = maker.write({"config_id": "a"}, {"question": {"data": {"name": "faces", "resolution": 32}}})
    Image.fromarray(np.zeros((65, 98, 3), np.uint8)).save(study / "best" / "nearest.png")
    page = page_of(study)
    assert [(image["width"], image["height"]) for image in page.images] == [("196", "130")]
    assert page.images[0]["alt"].startswith("First column: generated.")


def test_what_every_row_of_the_leaderboard_says_stands_below_it(maker):
    for number, width in enumerate([32, 64]):
        maker.trial(f"s{number}", f"c{number}", [20.0 + number], **{"x.width": width, "x.depth": 3})
    page = page_of(maker.write())
    head = page.cells[page.cells.index("Rank") :]
    assert {"x.width", "Configuration", "Quality"} <= set(head[: head.index("Trials")])
    assert "x.depth" not in head[: head.index("Trials")]
    said = page.text["leaderboard"].split("In every row: ")[1]
    assert "x.depth 3" in said
    assert "kimg 40" in said
    assert "x.depth" in pd.read_csv(maker.folder / "report" / "tables" / "leaderboard.csv").columns


def test_samples_stand_beside_real_images_and_top_trials_follow(page):
    titles = [image["alt"] for image in page.images]
    assert titles[:2] == ["Generated by the best configuration", "Real images"]
    assert sum(title.startswith("confirmed") for title in titles) == 4


def test_every_figure_and_table_is_written(built):
    figures = built.parent / "figures"
    names = {path.stem for path in figures.glob("*.svg")}
    assert names == {path.stem for path in figures.glob("*.png")}
    assert {"quality-by-kimg", "best-so-far", "confirmed-seeds", "statuses", "axis-optim.generator.lr"} <= names
    for path in figures.glob("*.png"):
        pixels = np.asarray(Image.open(path).convert("L"))
        assert pixels.std() > 5, path.name
    board = pd.read_csv(built.parent / "tables" / "leaderboard.csv")
    assert len(board) == 4 + 20
    assert not list(built.parent.rglob(".*partial*"))


def test_the_same_study_gives_the_same_bytes(built):
    before = {path: path.read_bytes() for path in built.parent.rglob("*.*")}
    build_report(built.parent.parent, notebooks=False)
    assert {path: path.read_bytes() for path in built.parent.rglob("*.*")} == before


def test_figures_of_an_earlier_report_disappear_and_strangers_stay(maker):
    for number, width in enumerate([32, 64]):
        maker.trial(f"s{number}", f"c{number}", [20.0], **{"x.width": width, "x.depth": 3})
    figures = build_report(maker.write(), notebooks=False).parent / "figures"
    assert len(list(figures.glob("axis-x.width.*"))) == 2
    (figures / "axis-mine.svg").touch()
    maker.rows[1]["x.width"] = 32
    build_report(maker.write(), notebooks=False)
    assert not list(figures.glob("axis-x.*"))
    assert (figures / "axis-mine.svg").exists()


def unmeasured(maker):
    maker.trial("s0", "a", [], status="out_of_memory")
    maker.trial("s1", "b", [], status="failed")


def diverged(maker):
    maker.trial("s0", "a", [float("nan"), float("inf")], status="diverged")


def single(maker):
    maker.trial("s0", "a", [20.0])


def running(maker):
    maker.trial("s0", "a", [50.0, 40.0], status="running", kimg=8)


def nothing(maker):
    pass


def odd_values(maker):
    maker.trial("s0", "a", [0.0, -1e-9], **{"x.flag": True, "x.list": [1, 2], "x.name": "<b>$\\frac{</b>"})
    maker.trial("s1", "b", [0.0, 1e9], status="interrupted", **{"x.flag": False, "x.list": [3], "x.name": "ünï–☃"})
    maker.trial("s2", "c", [3.0], number=None, **{"x.flag": None, "x.list": None, "x.name": None})


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (unmeasured, "No result: every one of the 2 trials was lost (1 out of memory, 1 failed)"),
        (diverged, "No result: the only trial was lost (1 diverged)"),
        (single, "Not confirmed yet. Best of the search so far: a — fd_tiny 20.0 (1 seed, 40 kimg)"),
        (running, "No result yet: no trial has been measured to the end"),
        (nothing, "No result: no trial has reported a measurement yet"),
        (odd_values, "interrupted"),
    ],
)
def test_poor_studies_still_get_an_honest_page(maker, fill, said):
    fill(maker)
    page = page_of(maker.write())
    assert said in page.text["finding"]
    assert page.unmatched == []
    assert (maker.folder / "report" / "tables" / "leaderboard.tex").exists()


def test_study_without_study_yaml(maker):
    maker.trial("s0", "a", [20.0])
    study = maker.write()
    (study / "study.yaml").unlink()
    assert "study.yaml is missing" in page_of(study).text["finding"]


def test_study_with_trial_names_only(tmp_path):
    (tmp_path / "study.yaml").write_text("axes: 3\nquestion: why\nmetric: [1]\n")
    pd.DataFrame({"trial": ["a", None, "b"]}).to_parquet(tmp_path / "results.parquet")
    page = page_of(tmp_path)
    assert "lacks stage" in page.text["finding"]
    assert "1 rows of results.parquet name no trial" in page.text["finding"]


@pytest.mark.parametrize(
    "evidence", [{"baseline": "dcgan"}, {"baseline": {"mean": "x"}}, {"parameters": [1], "seeds": 3}]
)
def test_malformed_evidence_is_survived(maker, evidence):
    maker.trial("c0", "a", [20.0], stage="confirm", seed=5)
    assert "Best configuration: a" in page_of(maker.write(evidence)).text["finding"]


def test_text_from_the_study_is_escaped(maker):
    evil = "<script>alert(1)</script>"
    maker.trial("s0", evil, [20.0], **{"x.y": evil})
    maker.trial("s1", "b", [21.0], **{"x.y": '"><img src=x>'})
    study = maker.write({"parameters": {evil: evil}}, {"name": evil, "question": {evil: evil}})
    text = build_report(study, notebooks=False).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img src=x" not in text


def test_broken_pictures_are_left_out(maker):
    maker.trial("s0", "a", [20.0])
    study = maker.write({"config_id": "a"})
    (study / "best" / "samples.png").write_bytes(b"<html>not a picture</html>")
    assert page_of(study).images == []


def test_no_study_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(IgnmError, match=r"neither study\.yaml nor results\.parquet"):
        build_report(tmp_path, notebooks=False)
    with pytest.raises(IgnmError, match="is not a folder"):
        build_report(tmp_path / "absent", notebooks=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("results.parquet", b"PAR1 nonsense", "cannot be read as a Parquet table"),
        ("study.yaml", b"a: [1", "cannot be read"),
        ("study.yaml", b"- 1", "must hold named values"),
        ("study.yaml", b"\xff\xfe\x00", "cannot be read"),
        ("best/evidence.json", b"{", "cannot be read"),
    ],
)
def test_unreadable_files_are_errors_and_nothing_is_written(maker, name, content, said):
    maker.trial("s0", "a", [20.0])
    study = maker.write({})
    (study / name).write_bytes(content)
    with pytest.raises(IgnmError, match=said):
        build_report(study, notebooks=False)
    assert not (study / "report").exists()


def test_table_without_trials_column(tmp_path):
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "results.parquet")
    with pytest.raises(IgnmError, match="no column 'trial'"):
        build_report(tmp_path, notebooks=False)


def test_two_thousand_trials(tmp_path, make_plausible):
    page = page_of(make_plausible(tmp_path / "big", trials=2000, pictures=False))
    assert "25 of 1000 shown" in page.text["leaderboard"]
    assert (tmp_path / "big" / "report" / "index.html").stat().st_size < 3_000_000
    assert len(pd.read_csv(tmp_path / "big" / "report" / "tables" / "leaderboard.csv")) == 4 + 2000


def test_the_room_imports_nothing_that_trains_or_searches():
    code = "import sys, json, analysis.report; print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert not {"torch", "ray", "search"} & set(loaded)
