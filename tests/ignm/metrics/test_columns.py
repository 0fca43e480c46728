"""What columns say of themselves, held to the registry that gives them; without torch."""

import subprocess
import sys

import pytest

from ignm.metrics.columns import ALWAYS, EXTRA, column_called, extra_columns
from ignm.metrics.registry import FAMILIES


def test_every_column_of_a_family_is_described_and_no_other():
    named = {column for family in FAMILIES for columns in family.columns.values() for column in columns}
    # KID's column is the kernel distance under the name that it has with Inception's features alone.
    assert set(EXTRA) == named | {"kid"}


def test_a_target_is_a_number_or_a_column_that_is_there():
    for name, column in (ALWAYS | EXTRA).items():
        assert not isinstance(column.target, str) or column.target in EXTRA, name


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("precision_scatter", "precision (scatter)"),
        ("kd_my_own_net", "kernel distance (my_own_net)"),
        ("kid", "kernel Inception distance"),
        ("ms_ssim_real", "likeness of pairs of real images (MS-SSIM)"),
        # Errors, the training's arithmetic, and a metric of features without its features' name.
        ("precision_scatter_error", None),
        ("swd_error", None),
        ("quality_error", None),
        ("precision", None),
        ("kimg", None),
    ],
)
def test_a_column_of_the_results_is_known_by_its_name(name, title):
    found = column_called(name)
    assert (found and found.title) == title


def test_only_what_was_asked_for_is_extra():
    assert extra_columns(["quality", "swd", "precision", "recall_scatter", "swd_error"]) == ("swd", "recall_scatter")


def test_reading_them_needs_no_torch():
    code = "import sys, ignm.metrics.columns; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
