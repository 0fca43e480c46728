import pytest
from support.ablated import Ablated

from analysis.claims.paper import PAPER
from analysis.claims.reading import claims_of
from analysis.results import load_study
from ignm.errors import IgnmError

OWN = """
claims:
  - id: silu
    text: SiLU is better than ReLU
    designs: [sweeps]
    path: generator.activation
    contrasts: [relu]
    direction: worse
    family: own
"""


def claims_with(tmp_path, text):
    study = load_study(Ablated(tmp_path).factorial().write())
    (tmp_path / "claims.yaml").write_text(text, encoding="utf-8")
    return claims_of(study)


def test_the_papers_claims_are_stated_without_a_file(tmp_path):
    assert claims_of(load_study(Ablated(tmp_path).factorial().write())) == PAPER
    assert [claim.id for claim in PAPER] == ["data", "structure", "pretraining", "improved"]


def test_ones_own_come_after_the_papers(tmp_path):
    own = claims_with(tmp_path, OWN)[len(PAPER)]
    assert (own.id, own.direction, own.measure, own.smallest_effect) == ("silu", "worse", "quality", None)


def test_a_sweeps_values_need_no_quotes(tmp_path):
    own = claims_with(tmp_path, OWN.replace("[relu]", "[relu, null, true, 0.5, 64]"))[len(PAPER)]
    assert own.contrasts == ("relu", "null", "true", "0.5", "64")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("claims: []", "claims"),
        ("[1, 2]", "claims.yaml"),
        (OWN.replace("silu", "data"), "id data is the paper's"),
        (OWN.replace("family: own", "family: baselines"), "family baselines is the paper's"),
        (OWN.replace("[sweeps]", "[swoops]"), "swoops"),
        (OWN.replace("[sweeps]", "[axis_path]"), "axis_path.*tells no claim"),
        (OWN.replace("    path: generator.activation\n", ""), "path"),
        (OWN.replace("text: SiLU is better than ReLU", "text: ''"), "text"),
        (OWN + "    smallest_effect: 5\n", "smallest_effect"),
        (OWN + "    measure: qualty\n", "measure.*qualty.*did you mean 'quality'"),
        (OWN + "    measure: density_scatter\n", "use density_scatter_gap"),
        (OWN + "    measure: swd_gap\n", "use swd"),
        (OWN + "    believed: true\n", "believed"),
        (OWN + OWN.replace("claims:\n", ""), "one id"),
    ],
)
def test_a_file_that_is_no_list_of_claims_says_where(tmp_path, text, said):
    with pytest.raises(IgnmError, match=said) as error:
        claims_with(tmp_path, text)
    assert "claims.yaml" in str(error.value)
