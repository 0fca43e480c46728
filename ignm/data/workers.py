"""Many images decoded at once, in order: by threads where there are few, by processes where there are many."""

import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from ignm.data.decoding import Decoded, decode_or_reason
from ignm.data.serving import PROGRAM, receive_results, send_images
from ignm.data.sources import Source, UnreadableImageError
from ignm.errors import IgnmError

Result = Decoded | str
"""An image, or why there is none."""
_Read = bytes | str
_DecodeSome = Callable[[list[_Read]], list[Result | None]]  # None: not enough memory

# Small pictures are decoded faster than a task is handed over; large ones fill the memory.
_BATCH, _BATCH_BYTES = 128, 2 << 20
_PORTION_BYTES = 4 << 20
# Python's lock lets threads decode small pictures only one at a time; processes take a moment to start.
_PROCESSES_FROM = 1500
_PIPE_BYTES = 1 << 20
# With so few workers this process, which reads and writes for all, has time to be one of them.
_ALSO_HERE = 3
# A process that has sent its results finds its next images there.
_IN_PIPE = 2


def cpus() -> int:
    """CPUs this process may use, which on a shared node are fewer than the node has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Decoders:
    """What decodes: `decode_some` may be called by so many `threads` at once."""

    decode_some: _DecodeSome
    threads: int
    batch: int
    """Images in a list of results."""


@contextmanager
def decoders(count: int, resolution: int, channels: int | None, workers: int | None = None) -> Iterator[Decoders]:
    """Start what decodes `count` images; `workers` None: as many as there are CPUs."""
    workers = workers or cpus()
    batch = max(1, min(_BATCH, _BATCH_BYTES // (resolution**2 * 3)))
    apart = workers > 1 and count >= _PROCESSES_FROM
    with (_processes if apart else _threads)(workers, resolution, channels) as decode_some:
        yield Decoders(decode_some, workers * _IN_PIPE if apart else workers, batch)


@contextmanager
def decoding(source: Source, order: npt.NDArray[np.int64], using: Decoders) -> Iterator[Iterator[list[Result]]]:
    """Yield an iterator over what became of the images at these indices, in this order, in lists of several.

    What is used does not change the result, and only few lists are in memory at a time. Raises IgnmError where memory
    is short or a process is killed.
    """
    batches = (order[start : start + using.batch].tolist() for start in range(0, len(order), using.batch))
    pool = ThreadPoolExecutor(using.threads, thread_name_prefix="decode")
    try:
        tasks = (pool.submit(_decode_batch, source, indices, using.decode_some) for indices in batches)
        yield _in_order(tasks, ahead=2 * using.threads)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(tasks: Iterator[Future[list[Result]]], ahead: int) -> Iterator[list[Result]]:
    """Yield the results of tasks in their order; only some tasks are begun before their results are wanted."""
    pending = deque(islice(tasks, ahead))
    while pending:
        yield pending.popleft().result()
        pending.extend(islice(tasks, 1))


def _decode_batch(source: Source, indices: Sequence[int], decode_some: _DecodeSome) -> list[Result]:
    found: list[Result] = []
    for portion in _portions(_read(source, index) for index in indices):
        for result in decode_some(portion):
            if result is None:
                raise _short_of_memory(source.names[indices[len(found)]])
            found.append(result)
    return found


def _read(source: Source, index: int) -> _Read:
    try:
        return source.read(index)
    except UnreadableImageError as error:
        return str(error)
    except MemoryError:
        raise _short_of_memory(source.names[index]) from None


def _short_of_memory(name: str) -> IgnmError:
    # Not one image fewer: on a machine with more memory the same source would be another dataset.
    return IgnmError(f"There is not enough memory to decode {name}. Free some, or import on a larger machine.")


def _portions(images: Iterable[_Read]) -> Iterator[list[_Read]]:
    portion: list[_Read] = []
    size = 0
    for image in images:
        portion.append(image)
        size += len(image) if isinstance(image, bytes) else 0
        if size >= _PORTION_BYTES:
            yield portion
            portion, size = [], 0
    yield portion


@contextmanager
def _threads(workers: int, resolution: int, channels: int | None) -> Iterator[_DecodeSome]:
    yield lambda images: [_decode_one(image, resolution, channels) for image in images]


def _decode_one(image: _Read, resolution: int, channels: int | None) -> Result | None:
    try:
        return image if isinstance(image, str) else decode_or_reason(image, resolution, channels)
    except MemoryError:
        return None


@contextmanager
def _processes(workers: int, resolution: int, channels: int | None) -> Iterator[_DecodeSome]:
    with ExitStack() as stack, _threads(1, resolution, channels) as decode_here:
        here = int(workers <= _ALSO_HERE)
        processes = [stack.enter_context(_Process(resolution, channels)) for _ in range(workers - here)]
        idle: queue.SimpleQueue[_DecodeSome] = queue.SimpleQueue()
        for decode_there in [process.decode for process in processes] * _IN_PIPE:
            idle.put(decode_there)
        for _ in range(here):
            idle.put(decode_here)

        def decode_some(images: list[_Read]) -> list[Result | None]:
            decode = idle.get()
            try:
                return decode(images)
            finally:
                idle.put(decode)

        yield decode_some


class _Process:
    """A Python of its own that decodes what it is sent.

    Not multiprocessing: that runs the caller's main module again in each process, and leaves processes behind where
    the caller is killed; these end with the pipe they read from.
    """

    def __init__(self, resolution: int, channels: int | None) -> None:
        here = str(Path(__file__).parents[2])
        arguments = [str(resolution), str(channels or 0), here, *filter(None, sys.path)]
        self._resolution = resolution
        self._sending = threading.Lock()
        self._answered = threading.Event()
        self._answered.set()
        self._process = subprocess.Popen(
            # Without `site`, whose work the given path replaces, a process starts twice as fast.
            [sys.executable, "-S", "-c", PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=_PIPE_BYTES,
        )

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        for pipe in self._pipes():
            with suppress(OSError):
                pipe.close()
        self._process.wait()

    def decode(self, images: list[_Read]) -> list[Result | None]:
        """Have images decoded; those that could not be read stay what they are. Threads may call it together."""
        sent, answers = self._pipes()
        answered = threading.Event()
        try:
            with self._sending:
                before, self._answered = self._answered, answered
                send_images(sent, [image if isinstance(image, bytes) else b"" for image in images])
            before.wait()
            results = receive_results(answers, self._resolution)
        except (BrokenPipeError, EOFError):
            status = self._process.wait()
            raise IgnmError(
                f"A process that decodes images has ended by itself (status {status}), maybe for lack of memory. "
                "Run the same command again, where there is more memory if need be."
            ) from None
        finally:
            answered.set()
        return [image if isinstance(image, str) else result for image, result in zip(images, results, strict=True)]

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a process without pipes")
        return self._process.stdin, self._process.stdout
