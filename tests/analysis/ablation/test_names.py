"""A question, a claim and the analysis know designs and measures by the same names."""

from typing import get_args

import pytest
from support.ablated import Ablated

from analysis.ablation.contrasts import CONTRASTS, contrasts_of
from analysis.ablation.loading import load_ablation
from analysis.ablation.measures import MEASURES, measure_called
from analysis.results import load_study
from ignm.errors import IgnmError
from ignm.metrics.columns import ALWAYS
from search.designs.registry import DESIGNS
from search.study import sections
from spaces.designs import TELLING

PATHS = {"path", "axis_path"}
"""No claim is told by these: their steps are chosen by what came out."""


def test_every_design_that_can_be_asked_for_is_made_and_has_contrasts():
    assert set(get_args(sections.DesignName)) == set(DESIGNS) == set(CONTRASTS)


def test_a_claim_is_told_by_every_design_but_a_path():
    assert set(TELLING) == set(CONTRASTS) - PATHS


def test_a_claim_is_measured_by_every_measure():
    # Those that are derived, and every number of every measurement.
    for name in (*MEASURES, *ALWAYS):
        assert measure_called(name).name == name


def test_a_design_of_another_version_is_refused_and_not_passed_over(tmp_path):
    (design,) = load_ablation(load_study(Ablated(tmp_path).add_one_in().write())).designs
    assert contrasts_of(design)
    with pytest.raises(IgnmError, match=r"knows no design 'add_two_in' \(did you mean 'add_one_in'\?\); designs: fac"):
        contrasts_of(design.model_copy(update={"design": "add_two_in"}))
