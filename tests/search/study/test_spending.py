"""What a search has spent: by a clock of our own, over restarts, and against each limit."""

import json

import pytest
from support.studies import begun, trial_of

from ignm.errors import IgnmError
from ignm.files import write_json
from search.study.spending import Held, Limit, Meter, Spent, check_limits, limits_of, read_held, read_spent


class Clock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def folder(tmp_path, question):
    folder = begun(tmp_path, question)
    for number in range(3):
        trial_of(folder, question, number)
    return folder


@pytest.fixture
def names(folder):
    return [trial.name for trial in folder.all_trials()]


def with_budget(question, **budget):
    return question.model_copy(update={"budget": question.budget.model_copy(update=budget)})


def test_what_was_spent_does_not_grow_while_nothing_runs(folder, question):
    assert read_spent(folder, None).minutes == 0
    write_json(folder.path / "clock.json", {"search": 90.0, "confirm": 7.0})
    assert read_spent(folder, None).minutes == 1.5
    assert read_spent(folder, None, ("search", "confirm")).minutes == pytest.approx(97 / 60)
    (limit,) = limits_of(with_budget(question, minutes=3.5), read_spent(folder, None))
    assert str(limit) == "1.5 of 3.5 minutes"


@pytest.mark.parametrize(
    ("used", "asked", "told"),
    [(3.3e-8, 3.5, "0 of 3.5"), (0.00412, 0.01, "0.00412 of 0.01"), (123456.7, 2e6, "123,457 of 2,000,000")],
)
def test_no_power_of_ten_is_told(used, asked, told):
    assert str(Limit("budget.money", asked, used, "money")) == f"{told} money"


def test_slots_are_counted_in_seconds_cpus_and_gpus(folder, names, clock):
    meter = Meter(folder, "search", clock)
    meter.begin(names[0], cpus=2, gpus=0.5)
    clock.now += 1800
    meter.begin(names[1], cpus=2, gpus=0.5)
    clock.now += 1800
    assert meter.holding == {names[0], names[1]}
    meter.end(names[0])
    clock.now += 3600
    assert meter.holding == {names[1]}
    # An hour of the first one, an hour and a half of the second.
    assert meter.held == Held(seconds=9000, cpu_hours=5.0, gpu_hours=1.25)


def test_what_was_held_survives_the_driver(folder, names, clock):
    first = Meter(folder, "search", clock)
    first.begin(names[0], 1, 0)
    first.begin(names[1], 1, 0)
    clock.now += 100
    first.end(names[1])
    first.tick()
    clock.now += 2  # lost: the driver is killed before its next tick
    second = Meter(folder, "search", clock)
    assert second.held.seconds == pytest.approx(200)
    second.begin(names[0], 1, 0)
    clock.now += 50
    second.end(names[0])
    second.tick()
    assert read_held(folder.trial(names[0]).path).seconds == pytest.approx(150)
    assert second.held.seconds == pytest.approx(250)
    assert read_spent(folder, None).held.seconds == pytest.approx(250)
    assert Meter(folder, "confirm", clock).held == Held()


def test_a_trial_that_moves_to_another_process_goes_on_counting(folder, names, clock):
    meter = Meter(folder, "search", clock)
    for _ in range(2):
        meter.begin(names[0], 1, 1)
        clock.now += 10
        meter.end(names[0])
        meter.end(names[0])  # Tune may say so twice
        clock.now += 30  # waiting for a node costs nothing
    meter.tick()
    assert read_held(folder.trial(names[0]).path).seconds == pytest.approx(20)
    assert meter.held.seconds == pytest.approx(20)


def test_a_disk_that_is_full_costs_nothing_but_a_warning(folder, names, clock, monkeypatch, caplog):
    meter = Meter(folder, "search", clock)
    meter.begin(names[0], 1, 0)
    clock.now += 10
    meter.end(names[0])

    def full(path, value, make_folder):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("search.study.spending.write_json", full)
        meter.tick()
    assert "No space left" in caplog.text
    assert not (folder.trial(names[0]).path / "slot.json").exists()
    meter.tick()
    assert read_held(folder.trial(names[0]).path).seconds == pytest.approx(10)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"seconds": "long"}', '{"hours": 3}'])
def test_a_damaged_slot_file_counts_as_nothing(folder, names, text):
    (folder.trial(names[0]).path / "slot.json").write_text(text)
    assert read_held(folder.trial(names[0]).path) == Held()


def test_a_removed_trial_is_not_made_anew(folder, names, clock):
    meter = Meter(folder, "search", clock)
    meter.begin("search-9999-gone", 1, 0)
    meter.tick()
    assert not (folder.trials / "search-9999-gone").exists()


def test_hours_are_of_gpus_and_without_any_of_cpus():
    assert (Spent(0, Held(3600, 4, 0)).hours, Spent(0, Held(3600, 4, 0)).unit) == (4, "CPU")
    with_gpu = Spent(0, Held(3600, 4, 0.5), price=3.0)
    assert (with_gpu.hours, with_gpu.unit, with_gpu.money) == (0.5, "GPU", 1.5)
    assert Spent(0, Held(3600, 4, 0)).money is None


@pytest.mark.parametrize(
    ("field", "asked", "used", "over"),
    [
        ("minutes", 91, 90, False),
        ("minutes", 90, 90, True),
        ("gpu_hours", 2.1, 2, False),
        ("gpu_hours", 1.9, 2, True),
        ("money", 6.1, 6, False),
        ("money", 5.9, 6, True),
    ],
)
def test_each_limit_is_reached_by_what_it_limits(question, field, asked, used, over):
    spent = Spent(minutes=90, held=Held(7200, 8, 2), price=3.0)
    (limit,) = limits_of(with_budget(question, **{field: asked}), spent)
    assert (limit.field, limit.used, limit.over) == (f"budget.{field}", used, over)


def test_no_limit_is_asked_for(question):
    assert limits_of(question, Spent(1e9, Held(1e9, 1e9, 1e9))) == []


def test_money_without_a_price_is_refused(question):
    asked = with_budget(question, money=5.0)
    with pytest.raises(IgnmError, match=r"budget.money: 5 .*resources.price"):
        check_limits(asked)
    check_limits(asked.model_copy(update={"resources": asked.resources.model_copy(update={"price": 0.5})}))


def test_the_clock_of_earlier_runs_counts(folder):
    write_json(folder.path / "clock.json", {"search": 600.0})
    assert read_spent(folder, None).minutes == pytest.approx(10, abs=0.1)
    (folder.path / "clock.json").write_text("torn")
    assert read_spent(folder, None).minutes == 0


def test_spending_is_plain_json():
    spent = Spent(1.5, Held(3600, 4, 0.5), 2.0).as_json()
    assert json.loads(json.dumps(spent)) == {
        "minutes": 1.5, "seconds": 3600, "cpu_hours": 4, "gpu_hours": 0.5, "unit": "GPU", "money": 1.0,
    }  # fmt: skip
