"""The process that owns the pins, in real time: 4000 steps/s for a minute on a core, inference on the others.

On the emulated board, whose drivers count what they see. On a device `gpio` measures the real pins, motors off.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.machine import Machine
from benchmarks.measure import Row, figure
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.cancel import CancelToken
from firmware_host.clock import MonotonicClock
from firmware_host.errors import UsageError
from firmware_host.inference.ort import OrtPatchModel
from firmware_host.inference.port import NOTHING_KNOWN
from firmware_host.inference.selftest import made_up_patches
from firmware_host.profile import Profile
from firmware_host.profile_tables import AXES
from firmware_host.realtime.host import PinsProcess, RemoteStage
from firmware_host.realtime.pins import EMULATED
from firmware_host.trust import trusted_keys

_SUITE = "pulses"
_STEPS_S = 4000
_SECONDS = 60
_MICROSTEPS = 256  # of a full step, half of which an edge may be late: 32 ms, so that a shared machine gets through
_PERCENTILES = ("p50", "p99", "p99.9", "most")


def pulses(machine: Machine) -> list[Row]:
    """:raises UsageError: on a real scanner, whose motors this would run to and fro."""
    if not machine.is_emulated:
        raise UsageError("suite pulses: it is for the emulated board; on a scanner run the suite gpio")
    cores = sorted(os.sched_getaffinity(0))
    rows = []
    for what, decides in (("alone", False), ("beside inference", True)):
        profile = _profile(machine.profile, cores[-1] if len(cores) > 1 else None)
        os.sched_setaffinity(0, cores[:-1] or cores)
        try:
            rows += _measured(profile, what, decides)
        finally:
            os.sched_setaffinity(0, cores)
    return rows


def _measured(profile: Profile, what: str, decides: bool) -> list[Row]:
    notices: list[str] = []
    process = PinsProcess(profile, CancelToken(), EMULATED, notices.append)
    try:
        stage = RemoteStage(process, profile, MonotonicClock())
        stage.home()
        homing = process.call("look")["pulses"]["x"]
        with _deciding(profile, decides) as decisions:
            began = time.monotonic()
            for target_um in itertools.cycle((profile.axes.x.soft_max_um, profile.axes.x.soft_min_um)):
                stage.move_to(x_um=target_um)
                if time.monotonic() - began > _SECONDS:
                    break
            taken_s = time.monotonic() - began
        late, counted = process.call("lateness"), process.call("look")
    finally:
        process.close()
    rows = [
        figure(_SUITE, f"{what}: lateness of an edge, {name}", "us", late[f"{name}_us"], int(late["edges"]))
        for name in _PERCENTILES
    ]
    return [
        *rows,
        figure(_SUITE, f"{what}: edges later than 2 ms, half a full step of 16", "", late["later_than_2_ms"]),
        figure(_SUITE, f"{what}: steps a second", "1/s", (counted["pulses"]["x"] - homing) / taken_s),
        figure(_SUITE, f"{what}: steps made", "", late["steps"]),
        figure(_SUITE, f"{what}: steps that the drivers saw more", "", sum(counted["pulses"].values()) - late["steps"]),
        figure(_SUITE, f"{what}: refused by the driver", "", counted["refused"]),
        figure(_SUITE, f"{what}: times that pulses stood still", "", late["stalls"]),
        figure(_SUITE, f"{what}: decisions of the network meanwhile", "", decisions[0]),
        figure(_SUITE, f"{what}: real-time priority", "", float(not any("priority" in text for text in notices))),
    ]


@contextmanager
def _deciding(profile: Profile, really: bool) -> Iterator[list[int]]:
    """The network decides field after field in a thread; how many, in the list."""
    done, over = [0], threading.Event()
    bundle = read_bundle(find_bundle(profile.bundle), trusted_keys())
    size_px = bundle.patch_rule.size_px
    first, second = made_up_patches(profile.focus.patches, size_px)

    def decide() -> None:
        model = OrtPatchModel(bundle.graphs.int8, size_px)
        while not over.is_set():
            model.predict(first, second, NOTHING_KNOWN)
            done[0] += 1

    thread = threading.Thread(target=decide, daemon=True)
    if really:
        thread.start()
    try:
        yield done
    finally:
        over.set()
        if really:
            thread.join()


def _profile(profile: Profile, core: int | None) -> Profile:
    """x runs at 4000 steps/s; all axes start near their switches."""
    assert profile.twin is not None
    starts = {"x": -190.0, "y": -190.0, "z": -35.0}
    machine = {name: getattr(profile.twin, name).model_copy(update={"start_um": starts[name]}) for name in AXES}
    speed_um_s = _STEPS_S / profile.axes.x.steps_per_um
    x = profile.axes.x.model_copy(
        update={"max_speed_um_s": speed_um_s, "home_speed_um_s": speed_um_s, "microsteps": _MICROSTEPS}
    )
    return profile.model_copy(
        update={
            "axes": profile.axes.model_copy(update={"x": x}),
            "twin": profile.twin.model_copy(update=machine),
            "pulses": profile.pulses.model_copy(update={"core": core}),
        }
    )
