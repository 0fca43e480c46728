import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ablated import Ablated
from support.latex import faults

from analysis.tables.registry import make_tables
from analysis.tables.writers import to_csv, to_latex, to_markdown
from analysis.view import open_view

ENDS = ("completed", "diverged", "out_of_memory", "failed", "pruned", "running", "unheard of")


DRAWN = (st.randoms(use_true_random=False), st.integers(1, 3), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.booleans())
LEVELS = ("leave_axis_out", "add_axis_in")


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(*DRAWN)
def test_any_part_of_a_study_gives_tables(random, seeds, kept, whole, half):
    check(random, seeds, kept, whole, half)


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(*DRAWN)
def test_any_part_of_many_studies_gives_tables(random, seeds, kept, whole, half):
    check(random, seeds, kept, whole, half)


def check(random, seeds, kept, whole, half):
    with tempfile.TemporaryDirectory() as folder:
        study = Ablated(
            Path(folder),
            {"data": 5.0},
            levels={"wgan-gp": 90.0},
            seeds=range(2000, 2000 + seeds),
            noise=random.choice([0.0, 1.0]),
            shared=random.choice([0.0, 1.0]),
            strategies=random.choice([("data", "loss"), ("data", "structure", "init")]),
        )
        study.factorial(half).leave_one_out().baselines("wgan-gp").path(random.choice([1, None]))
        study.sweep("generator.activation", {"relu": 1.0, "silu": None}).axes(random.choice(LEVELS))
        for arm in range(len(study.arms)):
            for seed in study.seeds:
                if random.random() > kept:
                    study.leave_out(arm, seed)
                elif random.random() > whole:
                    study.lose(arm, seed, random.choice(ENDS), random.choice([0.0, 0.25, 1.0]))
        study.write(keep=lambda row: random.random() < max(whole, 0.5))
        for table in make_tables(open_view(study.folder)).values():
            assert faults(to_latex(table)) == []
            assert table.rows or table.empty
            assert to_csv(table).count("\n") >= 1
            assert table.title in to_markdown(table)
