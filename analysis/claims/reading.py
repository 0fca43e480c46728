"""Which claims a study is judged by: the paper's, and its own."""

from analysis.claims.claim import Claim, Claims
from analysis.claims.paper import PAPER
from analysis.results import Study
from ignm.config import read_yaml, validated
from ignm.errors import IgnmError

FILE = "claims.yaml"


def claims_of(study: Study) -> tuple[Claim, ...]:
    """Return the paper's claims, then those of `claims.yaml` in the study's folder.

    Raises IgnmError for a file that is no such list, and for an id or a family that the paper's claims have.
    """
    path = study.folder / FILE
    if not path.is_file():
        return PAPER
    own = validated(Claims, read_yaml(path), str(path)).claims
    taken = {claim.id for claim in PAPER} | {claim.family for claim in PAPER}
    for claim in own:
        for field, name in (("id", claim.id), ("family", claim.family)):
            if name in taken:
                raise IgnmError(
                    f"{path}: claim {claim.id}: {field} {name} is the paper's; give it another, so that its verdicts "
                    "stay what they are without this file"
                )
    return (*PAPER, *own)
