"""While a stage runs, a thread of the driver keeps the study's mirror in its object store, where it has one."""

import logging
import threading
from types import TracebackType

from search.running.orders import Orders
from search.storage.lease import LostError
from search.storage.studies import Keeping

_log = logging.getLogger(__name__)
SECONDS = 15.0


class Keeper:
    """Reads what trials' processes wrote, and writes what the driver did, every few seconds."""

    def __init__(self, kept: Keeping, orders: Orders) -> None:
        """`orders` wind the run up where another driver has taken the study over."""
        self._kept, self._orders = kept, orders
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True, name="keeping")

    def __enter__(self) -> "Keeper":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what is on its way, and read once more: the stage is judged by what lies here."""
        self._stop.set()
        self._thread.join()
        self._kept.follow()

    def _keep(self) -> None:
        while not self._stop.wait(SECONDS):
            try:
                self._kept.follow()
                self._kept.keep()
            except LostError as error:
                _log.error("%s", error)
                self._orders.wind_up()
                return
            except Exception:
                _log.warning("the study could not be mirrored; it is tried again", exc_info=True)
