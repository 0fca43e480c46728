"""Two models to ablate between, and a small study with an ablation."""

import pytest
from support.ablations import BASE, IMPROVED, ByHand, terms_between

from search.study.question import Question


@pytest.fixture
def terms():
    return terms_between(BASE, IMPROVED)


@pytest.fixture
def asking(small_study):
    """The small study's question with an ablation, changed."""

    def ask(**changes):
        seeds = changes.get("seeds", 2)
        ablate = {"designs": ["leave_one_out"], "improved": "ignm", "seeds": seeds, "most_seeds": seeds} | changes
        return Question.model_validate(small_study | {"ablate": ablate})

    return ask


@pytest.fixture
def by_hand(tmp_path):
    return ByHand(tmp_path)
