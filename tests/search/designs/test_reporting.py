"""What `ignm best` tells of the winner on the third set of seeds."""

from support.ablations import IMPROVED, ByHand
from support.studies import begun

from ignm.config import load_config, save_config
from ignm.files import write_json
from search.designs.reporting import read_reported


def test_winner_and_baselines_on_seeds_that_chose_neither(tmp_path, asking, ignm):
    question = asking(improved="winner", designs=["baselines"], baselines=["dcgan", "wgan-gp"], seeds=3)
    folder = begun(tmp_path / "studies", question)
    save_config(IMPROVED, folder.best / "config.yaml")
    winner = load_config(folder.best / "config.yaml").config_id
    assert read_reported(folder, winner) == []
    stage = ByHand(tmp_path / "studies")
    values = {"winner": [10.0, 12.0, 11.0], "dcgan": [20.0, None, 22.0], "wgan-gp": [None] * 3}
    stage.finish(question, lambda arm, seed: values[arm["name"]][seed - 2000])
    (reported,) = read_reported(folder, winner)
    assert [(arm.name, arm.mean, arm.sd, arm.lost) for arm in reported.arms] == [
        ("winner", 11.0, 1.0, 0),
        ("dcgan", 21.0, 2**0.5, 1),
        ("wgan-gp", None, None, 3),
    ]
    assert read_reported(folder, "another") == []
    evidence = {"parameters": {}, "seeds": [1000], "mean": 9.0, "sd": None, "metric": "fd_scatter", "kimg": 2.0}
    write_json(folder.best / "evidence.json", evidence | {"baseline": None, "name": "a", "config_id": winner})
    text = ignm("best", str(folder.path))[1]
    assert "winner: a, fd_scatter 9.00 (1 fresh seed, 2 kimg; lower is better)" in text
    assert (
        "on seeds that chose nothing, drawn@16, 2 kimg, fd_scatter: winner 11.00 ± 1.00 (3 seeds); "
        "dcgan 21.00 ± 1.41 (2 seeds, 1 lost); wgan-gp – (0 seeds, 3 lost)" in text
    )
