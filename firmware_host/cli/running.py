"""What long commands share: a polite stop on Ctrl-C, and progress."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from firmware_host.cancel import CancelToken


def stop_on_signals(cancel: CancelToken) -> None:
    """Ctrl-C and SIGTERM ask once; the work stops at the next step, and keeps what it has."""

    def ask(number: int, _: FrameType | None) -> None:
        cancel.request("Ctrl-C" if number == signal.SIGINT else "SIGTERM")

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)


class Bars:
    """A progress bar per stage of the work, on standard error; plain lines where that is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
        self._plain = not console.is_terminal
        self._progress = Progress(
            *columns, TextColumn("{task.fields[left]}"), TimeElapsedColumn(), console=console, disable=self._plain
        )
        self._tasks: dict[str, TaskID] = {}
        self._quarters: dict[str, int] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, stage: str, share: float, seconds_left: float | None) -> None:
        """One step further in a stage."""
        left = "" if seconds_left is None else f"{seconds_left:.0f} s left on the scanner"
        if self._plain:
            quarter = int(share * 4)
            if quarter > self._quarters.get(stage, -1):
                self._quarters[stage] = quarter
                print(f"{stage} {share:.0%} {left}".rstrip(), file=sys.stderr, flush=True)
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=1.0, left="")
        self._progress.update(self._tasks[stage], completed=share, left=left)
