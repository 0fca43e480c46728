import io
import os

import numpy as np
import pytest
from PIL import Image

from analysis.pictures import load_picture
from analysis.report import build_report


def encoded(form="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("form", ["PNG", "GIF", "TIFF"])
def test_no_flipped_byte_or_cut_raises(tmp_path, form):
    whole, path = encoded(form), tmp_path / "samples.png"
    damaged = [whole[:cut] for cut in range(len(whole))]
    damaged += [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(len(whole))]
    for data in damaged:
        path.write_bytes(data)
        load_picture(path, "")


def test_a_damaged_chunk_costs_the_picture_and_not_the_report(maker):
    maker.trial("s0", "a", [20.0])
    study = maker.write({"config_id": "a"})
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    assert data.count(b"IDAT") > 1
    # The name of a later chunk: Pillow answers with SyntaxError, "broken PNG file".
    data[data.rindex(b"IDAT")] ^= 0xFF
    (study / "best" / "samples.png").write_bytes(data)
    assert "data:image" not in build_report(study, notebooks=False).read_text(encoding="utf-8")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "samples.png")
    assert load_picture(tmp_path / "samples.png", "") is None
