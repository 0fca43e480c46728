"""The designs by name: both sides know the same ones, and what is said of each is so."""

from typing import get_args

import pytest
from support.ablated import Ablated

from analysis.ablation.contrasts import contrasts_of
from analysis.ablation.loading import load_ablation
from analysis.results import load_study
from search.designs.registry import DESIGNS
from spaces.designs import FOLLOWING, KINDS, NAMES, TELLING, DesignName


def test_every_name_has_its_kind_and_its_maker():
    assert list(KINDS) == list(NAMES) == list(get_args(DesignName))
    assert set(DESIGNS) == set(NAMES)
    assert sorted((*TELLING, *FOLLOWING)) == sorted(NAMES)


@pytest.fixture(scope="module")
def designs(tmp_path_factory):
    study = Ablated(tmp_path_factory.mktemp("every"), {"data": 2.0, "loss": 1.0}).everything()
    study.axes().axes("add_axis_in")
    return load_ablation(load_study(study.write())).designs


def test_a_lattice_puts_its_arms_by_what_is_on_and_a_design_that_follows_has_rounds(designs):
    seen = {design.design: design for design in designs}
    for name, design in seen.items():
        assert bool(design.places("on")) == KINDS[name].lattice, name
        assert bool(design.rounds) == KINDS[name].follows, name
        if KINDS[name].of == "strategies" and not KINDS[name].follows:
            assert {each.name for each in contrasts_of(design)} <= {"data", "structure", "init", "loss"}, name
