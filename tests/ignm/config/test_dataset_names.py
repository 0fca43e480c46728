import pytest

from ignm.config.data import parse_dataset
from ignm.errors import IgnmError


def test_a_dataset_is_named_with_its_resolution():
    assert parse_dataset("faces.v2@64") == ("faces.v2", 64)


@pytest.mark.parametrize("text", ["faces", "faces@", "@32", "faces@48", "Faces@32", "faces@32@64", "faces@x", ""])
def test_anything_else_is_refused_with_what_is_allowed(text):
    with pytest.raises(IgnmError, match=r"expected NAME@RESOLUTION, as embedded@32.*16, 32, 64, 128, 256") as error:
        parse_dataset(text)
    assert f"'{text}'" in str(error.value)
