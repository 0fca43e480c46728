"""The pages that a newcomer reads."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pages():
    """README and all of docs/, by their path within the project."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in found if "examples" not in path.parts]


def pytest_generate_tests(metafunc):
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))


@pytest.fixture
def text(page):
    return page.read_text(encoding="utf-8")
