"""The baselines of the field beside the improved model."""

from analysis.ablation.plan import IMPROVED
from search.designs.design import Arm, Design, Placed, Terms, against_one
from search.designs.known import Known


def baselines(terms: Terms, known: Known) -> list[Design]:
    """Each baseline and the improved model, as they are."""
    arms = [Arm(model.name, terms.dataset, model.config, model) for model in terms.baselines]
    improved = Arm(terms.improved.name, terms.dataset, terms.improved.config, terms.starts[0])
    placed = [Placed({"preset": arm.name}, arm) for arm in arms]
    return [
        Design(
            {"design": "baselines", "dataset": terms.dataset, "improved": terms.improved.name},
            (*placed, Placed({"preset": IMPROVED}, improved)),
            against_one((arm.name, arm, improved) for arm in arms if arm.config != improved.config),
        )
    ]
