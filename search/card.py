"""`best/README.md`: what the winner is, how it was made, how good it is and how sure that is, and what it is not."""

from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template

from analysis.formatting import amount, duration, interval
from ignm.config import read_yaml
from ignm.files import read_json, write_text
from ignm.words import count
from search.designs.reporting import read_reported
from search.judging_best import Judged, Rival, cost_of, judge_best
from search.study.folder import StudyFolder

FILE = "README.md"
TEMPLATE = Path(__file__).with_suffix(".md.j2")


def write_card(folder: StudyFolder) -> None:
    """Write, or write anew, the card of a study's winner from what the study has so far."""
    asked, evidence = read_yaml(folder.question), read_json(folder.evidence)
    cost = cost_of(folder, evidence)
    judged = judge_best(evidence, read_reported(folder, evidence["config_id"]))
    template = Template(TEMPLATE.read_text(encoding="utf-8"), undefined=StrictUndefined, keep_trailing_newline=True)
    text = template.render(
        **{key: asked[key] for key in ("name", "data", "versions", "created")},
        evidence=evidence,
        kimg=amount(evidence["kimg"]),
        took=f", {duration(cost['seconds'])} of training" if cost else "",
        chosen_among=count(len(evidence["candidates"]), "configuration"),
        quality=[_quality(each) for each in judged],
        rivals=max((len(each.rivals) for each in judged), default=0) > 1,
    )
    write_text(folder.best / FILE, text)


def _quality(judged: Judged) -> dict[str, Any]:
    chosen, other = "the seeds that chose it, which flatters it", f"seeds that chose nothing, {judged.dataset}"
    return {
        "mean": interval(judged.mean, judged.low, judged.high),
        "where": chosen if judged.chosen_here else other,
        "seeds": count(judged.seeds, "seed"),
        "rivals": [_against(rival) for rival in judged.rivals],
    }


def _against(rival: Rival) -> str:
    words = "better than" if rival.beaten else "not shown to be better than"
    return f"{words} {rival.name}: by {interval(rival.better_by, rival.low, rival.high)}"
