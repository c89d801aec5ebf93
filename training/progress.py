"""What a run tells: a line on the terminal, and TensorBoard when asked."""

from __future__ import annotations

from pathlib import Path

from lightning_fabric import Fabric

from firmware_host.errors import UsageError
from training.fit import Progress


class Told:
    """The progress callback of `training.fit.fit`.

    :param tensorboard: folder for event files; None: none. :raises UsageError: tensorboard is not installed.
    """

    def __init__(self, fabric: Fabric, tensorboard: Path | None) -> None:
        self._first = fabric.is_global_zero
        self._writer = None
        if tensorboard is not None and self._first:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise UsageError("--tensorboard: pip install tensorboard, or leave the option out") from error
            self._writer = SummaryWriter(str(tensorboard))

    def __call__(self, progress: Progress) -> None:
        if not self._first:
            return
        judged = f"  {progress.errors.line()}" if progress.errors is not None else ""
        left = f"{progress.seconds_left / 60:.1f} min left"
        print(f"step {progress.step}/{progress.steps}  loss {progress.loss:.4f}  {left}{judged}", flush=True)
        if self._writer is not None:
            self._writer.add_scalar("loss", progress.loss, progress.step)
            if progress.errors is not None:
                self._writer.add_scalar("field error, DoF", progress.errors.mean, progress.step)
            self._writer.flush()
