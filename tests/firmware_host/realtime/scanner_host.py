"""A host to be killed: it opens the pins' process, homes, switches the lamp on, and does what it is told.

python scanner_host.py PROFILE.json move | rest | crash
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from firmware_host.cancel import CancelToken
from firmware_host.cli.running import stop_on_signals
from firmware_host.clock import MonotonicClock
from firmware_host.profile import Profile
from firmware_host.realtime.host import PinsProcess, RemoteLamp, RemoteStage


def main(profile_path: str, what: str) -> None:
    profile = Profile.model_validate_json(Path(profile_path).read_text())
    cancel = CancelToken()
    stop_on_signals(cancel)
    pins = PinsProcess(profile, cancel, "recorded_pins:open_pins", lambda text: print(text, file=sys.stderr))
    try:
        stage = RemoteStage(pins, profile, MonotonicClock())
        stage.home()
        RemoteLamp(pins).on()
        print(pins.number, flush=True)
        while what == "move":
            for x_um in (0, 900):
                stage.move_to(x_um=x_um)
        if what == "crash":
            raise RuntimeError("a bug in the host")
        signal.pause()
        stage.move_to(x_um=900)
    finally:
        if what != "crash":
            pins.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
