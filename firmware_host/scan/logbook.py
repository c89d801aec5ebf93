"""The entries of a journal that frame a scan: with what it was begun, that it goes on, how it ended."""

from __future__ import annotations

import itertools
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from firmware_host.errors import Cancelled, ScannerError
from firmware_host.scan.disk_trouble import DiskTrouble
from firmware_host.scan.entries import ON_REQUEST
from firmware_host.scan.folder import ScanFolder
from firmware_host.scan.past import file_sha256
from firmware_host.scan.request import ScanRequest


class Logbook:
    """Writes the journal of one run. :param trouble: asked where the disk does not take an entry."""

    def __init__(self, folder: ScanFolder, trouble: DiskTrouble) -> None:
        self._folder = folder
        self._trouble = trouble

    def log(self, event: str, **values: Any) -> None:
        """As the folder does, as long as it may succeed. :raises HardwareError: the disk does not take it."""
        for tried in itertools.count(1):
            try:
                return self._folder.log(event, **values)
            except OSError as error:
                self._trouble.mend(error, tried)

    def begin(self, request: ScanRequest) -> None:
        """All that a later run needs. :raises UsageError: the emulated slide cannot be read."""
        slide, region = request.slide, request.region
        self.log(
            "begin",
            time=_now(),
            software=_software(),
            profile=request.profile.model_dump(mode="json"),
            profile_from=_whole(request.profile_from),
            bundle=request.bundle.sha256,
            bundle_name=request.bundle.manifest.name,
            bundle_from=_whole(request.bundle_from),
            allow_unsigned=request.allow_unsigned,
            seed=request.seed,
            slide=None if slide is None else str(slide.resolve()),
            slide_sha256=None if slide is None else file_sha256(slide),
            region=None if region is None else (region.x0_um, region.y0_um, region.x1_um, region.y1_um),
            method=request.method,
            calibration=request.calibration,
            compare_sweep=request.compare_sweep,
            real_time=request.real_time,
        )

    def resume(self) -> None:
        self.log("resumed", time=_now(), software=_software())

    def end(self, stopped: ScannerError | None, board: str) -> None:
        """:param stopped: why it ended early; :param board: how the board was."""
        if stopped is None:
            self.log("end", board=board)
            return
        reason = ON_REQUEST if isinstance(stopped, Cancelled) else str(stopped)
        self._folder.mention("stopped", reason=reason, board=board)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _software() -> str:
    return f"wsi-scanner {version('wsi-scanner')}, Python {platform.python_version()}"


def _whole(name_or_path: str) -> str:
    """A path that does not depend on the working folder; a shipped one's name stays a name."""
    path = Path(name_or_path)
    return str(path.resolve()) if name_or_path and path.is_file() else name_or_path
