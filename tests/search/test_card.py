"""The winner's card says how it was made, how good it is on which seeds, and what it is not."""

import pytest
from support.studies import begun, evidence_of, trial_of

from ignm.files import write_json
from search.card import write_card


@pytest.fixture
def card(tmp_path, question):
    def write(*qualities, licence=None):
        folder = begun(tmp_path, question)
        run = trial_of(folder, question, 0, (1.0, 12.0), (2.0, 10.0), stage="confirm", status="completed")
        evidence = evidence_of(*qualities, trial=run.name)
        write_json(
            folder.best / "evidence.json",
            evidence | {"evaluation": {"images": 5000}, "reference_id": "ref", "licence": licence},
        )
        write_card(folder)
        return (folder.best / "README.md").read_text(encoding="utf-8")

    return write


def test_it_says_how_good_and_how_sure(card):
    text = card([10.0, 10.4, 9.8, 10.2], [20.1, 20.2, 20.0, 20.3])
    assert "drawn, 200 images of 16x16 (fingerprint f)" in text
    assert "uint8 (16, 16, 16, 3)" in text
    assert "10.10 [9.69, 10.51] on the seeds that chose it, which flatters it (4 seeds)" in text
    assert "better than trial-b: by 10.05 [" in text
    assert "{" not in text


def test_intervals_that_are_corrected_for_the_number_of_rivals_are_said_to_be(card):
    own, other, third = [10.0, 10.4, 9.8, 10.2], [20.1, 20.2, 20.0, 20.3], [20.0, 20.5, 20.1, 20.6]
    words = "those of the differences are wider, corrected for the number of rivals."
    assert words in card(own, other, third)
    # One rival leaves nothing to correct for.
    assert "95% t intervals.\n" in card(own, other)


def test_it_does_not_claim_what_seeds_do_not_show(card):
    text = card([10.0, 14.0], [11.0, 12.0])
    assert "not shown to be better than trial-b" in text


def test_it_says_what_is_known_of_the_images_licence(card):
    assert "licence of the images was not given at their import (`ignm data import --licence`)" in card([10.0, 10.4])
    text = card([10.0, 10.4], licence="CC BY 4.0, Example Archive")
    assert "Licence of the images, as it was given at their import: CC BY 4.0, Example Archive." in text
    assert "was not given" not in text
