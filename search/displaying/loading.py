"""Opening a dataset where a person is waiting for it."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ignm.data.cache import Dataset
from ignm.data.store import open_dataset

COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


def load_dataset(console: Console, name: str, resolution: int) -> Dataset:
    """Open a dataset; shows how far it is where that takes long, as when the embedded faces are first drawn.

    Raises IgnmError where there is no such dataset.
    """
    live = console.is_terminal
    with Progress(*COLUMNS, console=console, transient=True, disable=not live) as bar:
        task = bar.add_task(f"preparing {name} at {resolution}x{resolution}", total=None, visible=False)
        told = live

        def show(done: int, total: int) -> None:
            nonlocal told
            if not told:
                told = True
                console.print(
                    f"preparing {total} images of {name} at {resolution}x{resolution}, once",
                    soft_wrap=not console.is_terminal,
                )
            bar.update(task, completed=done, total=total, visible=True)

        return open_dataset(name, resolution, progress=show)
