"""A study whose search has room for more trials than the whole studies of the other tests."""

import pytest
from support.searching import asking

from search.study.folder import StudyFolder


@pytest.fixture
def folder(tmp_path):
    return StudyFolder(tmp_path / "small")


@pytest.fixture
def question(question):
    """On the storage that is quicker to make; what both must bear is tried with both."""
    return asking(question, {"storage": "journal"}, trials=20)


@pytest.fixture
def spaced(question, tmp_path):
    """The question with a space of its own, and what else it asks."""

    def make(*axes, suggesting=None, points=(), **budget):
        path = tmp_path / "own.yaml"
        path.write_text("axes:\n" + "".join(f"- {{{axis}}}\n" for axis in axes))
        changed = question.model_copy(update={"space": str(path), "points": points})
        return asking(changed, suggesting, **budget)

    return make
