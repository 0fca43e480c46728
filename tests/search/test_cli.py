"""The command line as a user meets it: messages, exit codes, no tracebacks, nothing half-written."""

import re
import sys
import types
import zipfile

import pytest
from PIL import Image
from support.studies import begun

from ignm.data.faces import draw_faces


@pytest.fixture
def good_folder(tmp_path):
    folder = tmp_path / "good"
    folder.mkdir()
    for index, image in enumerate(draw_faces(4, 16).images):
        Image.fromarray(image).save(folder / f"{index}.jpg")
    return folder


def test_help_names_every_command(ignm):
    code, text = ignm("--help")
    assert code == 0
    assert "describe" in text
    for command in (
        "data",
        "train",
        "run",
        "search",
        "confirm",
        "report",
        "status",
        "stop",
        "best",
        "sample",
        "evaluate",
        "describe",
    ):
        assert re.search(rf"\b{command}\b", text), command


def test_quiet_says_errors_alone(ignm):
    assert ignm("--quiet", "describe", "first") == (0, "")
    code, text = ignm("-q", "describe", "frist")
    assert code == 2
    assert "did you mean 'first'?" in text
    assert "axes" in ignm("describe", "first")[1]


def test_a_mistyped_command_suggests_the_right_one(ignm):
    code, text = ignm("runn", "quick")
    assert code == 2
    assert "run" in text
    assert "runn" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("train", "--preset", "dcgann", "--kimg", 1, "--out", "o"), "did you mean 'dcgan'?"),
        (("train", "--kimg", 1, "--out", "o"), "either --preset NAME or --config FILE"),
        (("train", "--preset", "dcgan", "--kimg", 1, "--out", "o", "--set", "optim.bach=3"), "did you mean 'batch'?"),
        (("train", "--preset", "dcgan", "--kimg", 1, "--out", "o", "--set", "optim.batch"), "expected path=value"),
        (
            ("train", "--preset", "dcgan", "--kimg", 1, "--out", "o", "--set", "optim.batch=-3"),
            "greater than or equal to 2",
        ),
        (("train", "--config", "absent.yaml", "--kimg", 1, "--out", "o"), "no such file"),
        (("train", "--preset", "dcgan", "--kimg", 1, "--out", "o", "--data", "celeba@64"), "no dataset 'celeba'"),
        (("train", "--preset", "dcgan", "--kimg", 1, "--out", "o", "--data", "celeba@big"), "NAME@RESOLUTION"),
        (("run", "quikc"), "did you mean 'quick'?"),
        (("run", "absent.yaml"), "no such file"),
        (("run", "quick", "--set", "budget.trails=3"), "did you mean 'trials'?"),
        (("run", "quick", "--fix", "optim.bach=3"), "did you mean 'batch'?"),
        (("run", "quick", "--fix", "optim.batch"), "--fix optim.batch: expected path=value"),
        (("search", "quick", "--only", "los"), "did you mean 'loss'?"),
        (("search", "quick", "--only", "init,loss"), "quick has no axis of this strategy"),
        (("confirm", "quick", "--only", "augment.policy", "--fix", "augment.policy=null"), "nothing is left to search"),
        (("run", "quick", "--only", "loss, optim", "--set", "data.name=nobody"), "no dataset 'nobody'"),
        (("describe", "ful"), "neither a preset nor a space (did you mean 'full'?); presets: dcgan"),
        (("describe", "full", "--preset", "dcgann"), "did you mean 'dcgan'?"),
        (("describe", "full", "--set", "optim.bach=3"), "did you mean 'batch'?"),
        (("describe", "absent.yaml"), "no such file"),
        (("run", "quick", "--set", "data.name=nobody"), "no dataset 'nobody'"),
        (("status", "nothing"), "no study here"),
        (("best", "nothing"), "no study here"),
        (("stop", "nothing"), "no study here"),
        (("run", "quick", "--set", "budget.money=3"), "set resources.price"),
        (("run", "quick", "--dry-run", "--set", "budget.money=3"), "set resources.price"),
        (("search", "quick", "--dry-run", "--set", "data.name=nobody"), "no dataset 'nobody'"),
        (("report", "nothing"), "no study here"),
        (("sample", "nothing"), "no checkpoint here"),
        (("evaluate", "nothing"), "no checkpoint here"),
        (("data", "import", "absent", "--name", "x", "--resolution", 16), "absent"),
        (("data", "import", ".", "--name", "X!", "--resolution", 16), "cannot name a dataset"),
        (("data", "import", ".", "--name", "x", "--resolution", 20), "16, 32, 64, 128, 256"),
        (("data", "show", "x", "--resolution", 16), "no dataset 'x'"),
        (("best", "x", "--storage", "~no-such-user"), "--storage: ~no-such-user: there is no home folder"),
        (("sample", "~no-such-user/x"), "~no-such-user/x: there is no home folder"),
        (("run", "quick", "--fix", "init.checkpoint=~no-such-user/x"), "init.checkpoint: ~no-such-user/x"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(ignm, tmp_path, arguments, expected):
    code, text = ignm(*arguments)
    assert code == 2
    assert expected in text
    assert not (tmp_path / "o").exists()
    assert not (tmp_path / "studies").exists()


def test_describe_a_space(ignm):
    code, text = ignm("describe", "first")
    assert code == 0
    assert "space first: " in text
    assert "15 axes: data 2, structure 6, loss 3, optim 4" in text
    assert "34,560 discrete combinations, 3 continuous dimensions" in text
    assert "loss.gamma loss 0.01 to 10, log loss.penalty: r1 Mescheder et al. 2018" in text


def test_describe_tells_what_a_base_rules_out(ignm):
    assert "7 axes: init 7; 3 of them do not exist on this base" in ignm("describe", "init")[1]
    text = ignm("describe", "init", "--set", "init.checkpoint=a", "--preset", "dcgan")[1]
    assert "7 axes: init 7 " in text
    assert "init.layer_decay init 0.5, 0.7, 0.9, 1 init.checkpoint not null" in text


def test_describe_a_space_or_a_study_of_ones_own(ignm, tmp_path):
    (tmp_path / "mine.yaml").write_text("include: [data]\naxes: [{path: optim.batch, choice: [8]}]\n")
    code, text = ignm("describe", "mine.yaml")
    assert (code, "16 axes: data 15, optim 1" in text) == (0, True)
    (tmp_path / "study.yaml").write_text("budget: {trials: 3}\n")
    code, text = ignm("describe", "study.yaml")
    assert (code, "is a study; describe its space" in text) == (2, True)


def test_describe_leaves_configurations_to_the_models(ignm, tmp_path, monkeypatch):
    described = []
    module = types.ModuleType("search.cli.describing_model")
    module.describe_model = lambda console, config: described.append(config)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    (tmp_path / "mine.yaml").write_text("generator: {width: 24}\n")
    assert ignm("describe", "dcgan", "--set", "generator.width=24")[0] == 0
    assert ignm("describe", "mine.yaml")[0] == 0
    assert [config.generator.width for config in described] == [24, 24]


def test_import_lists_and_shows(ignm, good_folder, tmp_path):
    code, text = ignm("data", "import", good_folder, "--name", "mine", "--resolution", 16)
    assert (code, "4 colour images as 'mine' at 16x16" in text) == (0, True)
    assert re.search(r"mine 16 4 3 [0-9a-f]+", ignm("data", "list")[1])
    assert ignm("data", "show", "mine", "--resolution", 16)[0] == 0
    assert Image.open(tmp_path / "dataset.png").size == (12 * 17 - 1, 16)


def test_corrupt_images_are_skipped_counted_and_named(ignm, good_folder):
    (good_folder / "empty.jpg").write_bytes(b"")
    whole = (good_folder / "0.jpg").read_bytes()
    (good_folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    code, text = ignm("data", "import", good_folder, "--name", "mine", "--resolution", 16)
    assert code == 0
    assert "skipped empty.jpg" in text
    assert "skipped half.jpg" in text
    assert "4 colour images" in text
    assert "2 skipped" in text


def test_a_picture_that_cannot_be_written_is_one_message(ignm, good_folder, tmp_path):
    ignm("data", "import", good_folder, "--name", "mine", "--resolution", 16)
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "folder").mkdir()
    pool = ("data", "pool", "mine", "--resolution", 16, "--set", "data.synthetic.count=4", "--count", 4)
    for command in (("data", "show", "mine", "--resolution", 16), pool):
        code, text = ignm(*command, "--out", "taken/x.png")
        assert (code, "error: taken: a file, where a folder is needed" in text) == (2, True), text
        code, text = ignm(*command, "--out", "folder")
        assert (code, "error: folder: Is a directory" in text) == (2, True), text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "good", "home", "taken"]
    assert (tmp_path / "taken").read_text() == "a file"
    assert not list((tmp_path / "folder").iterdir())


def test_a_report_that_cannot_be_written_is_one_message(ignm, tmp_path, question):
    folder = begun(tmp_path / "studies", question)
    (folder.path / "report").write_text("a file")
    code, text = ignm("report", "small", "--no-notebooks")
    assert (code, "error: studies/small/report/tables: Not a directory" in text) == (2, True), text
    assert (folder.path / "report").read_text() == "a file"


def test_a_system_error_without_a_file_is_one_message(ignm, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("search.best.read_best", fail)
    monkeypatch.setattr("search.storage.finding.find_study", lambda *arguments: tmp_path)
    assert ignm("best", "x") == (2, "error: No space left on device")
    monkeypatch.setattr("search.best.read_best", lambda *arguments: (_ for _ in ()).throw(TimeoutError))
    assert ignm("best", "x") == (2, "error: TimeoutError")


def zip_of(tmp_path, folder, name="0.jpg"):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for image in sorted(folder.iterdir()):
            archive.write(image, name if image.name == "0.jpg" else image.name)
    return path


def test_a_truncated_zip(ignm, good_folder, tmp_path):
    path = zip_of(tmp_path, good_folder)
    path.write_bytes(path.read_bytes()[:-200])
    code, text = ignm("data", "import", path, "--name", "mine", "--resolution", 16)
    assert code == 2
    assert "images.zip" in text
    assert "mine" not in ignm("data", "list")[1]


def test_a_zip_that_climbs_out(ignm, good_folder, tmp_path):
    code, text = ignm("data", "import", zip_of(tmp_path, good_folder, "../0.jpg"), "--name", "mine", "--resolution", 16)
    assert code == 2
    assert "../0.jpg" in text
    assert not (tmp_path.parent / "0.jpg").exists()
    assert "mine" not in ignm("data", "list")[1]


def test_a_folder_without_images(ignm, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("no picture")
    code, text = ignm("data", "import", tmp_path / "notes", "--name", "mine", "--resolution", 16)
    assert code == 2
    assert "jpg" in text


def test_train_sample_evaluate(ignm, good_folder, tmp_path):
    ignm("data", "import", good_folder, "--name", "mine", "--resolution", 16)
    small = ["--set", "optim.batch=4", "--set", "generator.width=8", "--set", "discriminator.width=8"]
    code, text = ignm(
        "train", "--preset", "dcgan", "--data", "mine", "--kimg", 0.08, "--images", 32, "--out", "o", *small
    )
    assert code == 0, text
    assert "0.1 kimg" in text
    assert (tmp_path / "o" / "samples.png").exists()
    code, text = ignm("sample", "o", "--count", 9, "--out", "nine.png")
    assert code == 0
    assert Image.open(tmp_path / "nine.png").size == (50, 50)
    code, text = ignm("sample", "o", "--count", 2, "--steps", 5, "--truncation", 0.5, "--out", "ways.png")
    assert code == 0
    assert "2 rows of 5 steps, seed 0, truncation 0.5" in text
    assert Image.open(tmp_path / "ways.png").size == (84, 33)
    code, text = ignm("evaluate", "o", "--images", 32)
    assert code == 0, text
    assert re.search(r"\d+\.\d+, diversity", text)
    (tmp_path / "taken").write_text("a file")
    code, text = ignm("sample", "o", "--out", "taken/x.png")
    assert (code, "error: taken: a file, where a folder is needed" in text) == (2, True)
    code, text = ignm("train", "--preset", "dcgan", "--data", "mine", "--kimg", 0.08, "--out", "taken", *small)
    assert (code, "error: taken: a file, where a folder is needed" in text) == (2, True)
    code, text = ignm("train", "--preset", "dcgan", "--data", "mine", "--kimg", 0.08, "--seed", 1, "--out", "o", *small)
    assert code == 2
    assert "another trial" in text
