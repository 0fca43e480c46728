"""Executes the notebooks on a study, in one kernel of this very interpreter, and keeps what came out."""

import asyncio
import os
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from ignm.files import write_text
from ignm.words import first_line

FOLDER = Path(__file__).parent
NAMES = ("conclusions", "ablation", "search", "defects")
"""In the order of their running."""

LONGEST = 300
"""Seconds for a cell."""

LETTERS = 200
"""Of an error, on the page."""

START = 120
"""Seconds for the kernel to come up on a busy machine."""


@dataclass(frozen=True)
class Executed:
    """A notebook as it came out; `said` is for the page, `kept` whether there is a file of it."""

    name: str
    well: bool
    said: str
    kept: bool = True


def read_notebook(name: str, parameters: Mapping[str, Any]) -> nbformat.NotebookNode:
    """Return a notebook with these parameters in the cell tagged `parameters`, or in one of its own before all others.

    The tag stays, so that papermill can set them again.
    """
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    source = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source = f"{source}  # the folder of a study, from here"
            return notebook
    cell = nbformat.v4.new_code_cell(source, id="parameters", metadata={"tags": ["parameters"]})
    notebook.cells.insert(0, cell)
    return notebook


def make_notebooks(report: Path, without: Mapping[str, str]) -> list[Executed]:
    """Execute the notebooks on the study whose report is made in `report`, but those that would have nothing to show.

    without: why, by name; a file that an earlier report wrote of one of them is removed.
    """
    for name in without:
        (report / "notebooks" / f"{name}.ipynb").unlink(missing_ok=True)
    made = {each.name: each for each in execute_notebooks(report, tuple(name for name in NAMES if name not in without))}
    return [made.get(name) or Executed(name, False, f"not made, {without[name]}", kept=False) for name in NAMES]


def execute_notebooks(report: Path, names: tuple[str, ...] = NAMES) -> list[Executed]:
    """Execute notebooks on the study whose report is made in `report`, and write them to report/notebooks/.

    They are run there, on the study "../..", so that a copy of the study's folder can run them again. A notebook that
    fails is kept as far as it came, and does not stop the others.
    """
    folder = report / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    # In a thread of its own: nbclient takes the signals of the main one, and a caller may have a loop that runs.
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="notebooks", daemon=True)
    thread.start()
    work = asyncio.run_coroutine_threadsafe(_execute_all(folder, names), loop)
    try:
        return work.result()
    finally:
        work.cancel()
        asyncio.run_coroutine_threadsafe(_ended(), loop).result(timeout=START)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended() -> None:
    """Wait until what was cancelled has put everything away."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


async def _execute_all(folder: Path, names: tuple[str, ...]) -> list[Executed]:
    found: list[Executed] = []
    with tempfile.TemporaryDirectory(prefix="ignm-kernel-") as private:
        try:
            async with _kernel(folder, Path(private)) as (kernel, client):
                for name in names:
                    found.append(await _execute(kernel, client, name, folder))
        except (RuntimeError, OSError, TimeoutError) as error:
            told = f"not executed: {first_line(error)[:LETTERS]}"
            found += [Executed(name, False, told, kept=False) for name in names[len(found) :]]
    return found


async def _execute(kernel: AsyncKernelManager, client: AsyncKernelClient, name: str, folder: Path) -> Executed:
    notebook = read_notebook(name, {"study": "../.."})
    runner = NotebookClient(notebook, km=kernel, timeout=LONGEST, record_timing=False)
    runner.kc = client
    failure = ""
    try:
        await runner.async_execute()
    except CellExecutionError as error:
        failure = f"stopped by {error.ename}: {first_line(error.evalue)[:LETTERS]}"
    except (CellTimeoutError, DeadKernelError) as error:
        failure = f"stopped: {first_line(error)[:LETTERS]}"
        await kernel.restart_kernel(now=True)
        await client.wait_for_ready(timeout=START)
    write_text(folder / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
    # The next one must find nothing of this one; what is imported stays so, which is quick.
    await client.execute_interactive("%reset -f", silent=True, store_history=False, timeout=START)
    return Executed(name, not failure, failure or "executed from top to bottom")


@asynccontextmanager
async def _kernel(folder: Path, private: Path) -> AsyncIterator[tuple[AsyncKernelManager, AsyncKernelClient]]:
    """Start a kernel of this interpreter that leaves nothing in the user's own folders."""
    kernel = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=_ThisInterpreter(),
        connection_file=str(private / "kernel.json"),
        # Files of this folder: no port is opened.
        transport="ipc",
        ip=str(private / "channel"),
    )
    places = {"IPYTHONDIR": str(private), "JUPYTER_RUNTIME_DIR": str(private)}
    await kernel.start_kernel(cwd=str(folder), env={**os.environ, **places, "PYDEVD_DISABLE_FILE_VALIDATION": "1"})
    client = kernel.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=START)
        client.allow_stdin = False
        yield kernel, client
    finally:
        client.stop_channels()
        await kernel.shutdown_kernel(now=True)


class _ThisInterpreter(KernelSpecManager):
    """Knows one kernel: whatever is installed on the machine may be another Python, without this project."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the kernel of the running interpreter, under any name."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")
