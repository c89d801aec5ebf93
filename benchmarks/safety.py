"""Whatever goes wrong, whenever in a scan: how long until the last step, and until motors and lamp are off."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from benchmarks.machine import Machine
from benchmarks.measure import Row, figure
from firmware_host.bundle import find_bundle, read_bundle
from firmware_host.camera.port import Camera, Exposure
from firmware_host.cancel import CancelToken
from firmware_host.clock import Phase
from firmware_host.errors import HardwareError, ScannerError
from firmware_host.hardware import over_emulation
from firmware_host.health.power import Power
from firmware_host.health.sensors import Readings
from firmware_host.health.temperature import Temperature
from firmware_host.profile import Profile, load_profile
from firmware_host.profile_tables import AXES
from firmware_host.scan.plan import Region
from firmware_host.scan.request import ScanRequest
from firmware_host.scan.session import run_scan
from firmware_host.trust import trusted_keys
from firmware_host.twin.emulation import Emulation

_SUITE = "safety"
OFF_AFTER = ": motors off after"
_STOP_PIN = 4
_REGION = Region(3850, 2850, 4150, 3100)


@dataclass(frozen=True)
class Moment:
    """When it happens: in the middle of a wait of this phase, so long after this step of the scan was told of.

    :param told: how many times the step is told of before.
    """

    step: str
    phase: Phase
    told: int = 1
    after_ms: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.step}, {self.phase}"


MOMENTS = (
    Moment("homing", "move", after_ms=300),
    Moment("looking for tissue", "move", told=2),
    Moment("looking for tissue", "expose", told=2),
    Moment("calibrating", "move"),
    Moment("calibrating", "readout"),
    Moment("scanning", "move", told=2),
    Moment("scanning", "settle", told=2),
    Moment("scanning", "expose", told=2),
    Moment("scanning", "readout", told=2),
    Moment("scanning", "infer", told=2),
)


class Stricken:
    """A scanner on a virtual clock, to which something happens."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.emulation = Emulation(profile, 1, None)
        self.cancel = CancelToken()
        self.lost_camera = False
        self.celsius = 50.0
        self.dark_ns = 0
        scanner = over_emulation(profile, self.emulation, self.cancel)
        self.scanner = replace(scanner, camera=_Losable(self), sensors=_Warming(self), off=self._off)
        self._switch_off = scanner.off

    @property
    def camera(self) -> Camera:
        return self.emulation.camera

    def _off(self) -> None:
        self._switch_off()
        self.dark_ns = self.dark_ns or self.emulation.clock.now_ns()


class _Losable:
    """The emulated camera, as long as its cable is in."""

    def __init__(self, owner: Stricken) -> None:
        self._owner = owner
        self.shape = owner.camera.shape

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        if self._owner.lost_camera:
            clock = self._owner.emulation.clock
            clock.wait_until(clock.now_ns() + round(timeout_s * 1e9), "wait")
            raise HardwareError(f"camera: no frame within {timeout_s:g} s; check its cable and the frame rate")
        return self._owner.camera.expose(not_before_ns, timeout_s)

    def close(self) -> None:
        self._owner.camera.close()


class _Warming:
    """Sensors of a board whose fan may fail."""

    def __init__(self, owner: Stricken) -> None:
        self._owner = owner

    def read(self) -> Readings:
        return Readings(Temperature(self._owner.celsius, "cpu"), Power())


def _bug(_: Stricken) -> None:
    raise RuntimeError("a mistake in the host")


CAUSES: dict[str, Callable[[Stricken], None]] = {
    "limit switch": lambda it: it.emulation.board.drive(it.profile.axes.y.limit_pin, False),
    "driver fault": lambda it: it.emulation.machine.drivers["z"].raise_fault(),
    "emergency stop": lambda it: it.emulation.board.drive(_STOP_PIN, False),
    "SIGTERM": lambda it: it.cancel.request("SIGTERM"),
    "camera lost": lambda it: setattr(it, "lost_camera", True),
    "over-temperature": lambda it: setattr(it, "celsius", 120.0),
    "bug in the host": _bug,
}


@dataclass(frozen=True)
class Outcome:
    """What was left of a scan, ms after the cause. `happened`: whether the moment came at all.

    :param step_ms: the last step, 0 when none followed; :param off_ms: the last driver disabled; :param dark_ms: the
        lamp off.
    :param tiles: whole on disk; :param named: in the journal.
    """

    happened: bool
    step_ms: float
    off_ms: float
    dark_ms: float
    motors_off: bool
    lamp_off: bool
    tiles: int
    named: int


def small_profile() -> Profile:
    """A small camera and short ways, so that a scan takes seconds."""
    shipped = load_profile("emulated")
    assert shipped.twin is not None
    starts = {"x": -190.0, "y": -185.0, "z": -35.0}
    machine = {name: getattr(shipped.twin, name).model_copy(update={"start_um": starts[name]}) for name in AXES}
    return shipped.model_copy(
        update={
            "camera": shipped.camera.model_copy(update={"width_px": 512, "height_px": 384}),
            "twin": shipped.twin.model_copy(update=machine),
            "emergency_stop_pin": _STOP_PIN,
        }
    )


def strike(cause: str, moment: Moment, out: Path) -> Outcome:
    """Scan into `out` until the cause strikes at the moment, and look at what is left."""
    profile = small_profile()
    stricken = Stricken(profile)
    clock = stricken.emulation.clock
    struck_ns: list[int] = []
    told: list[str] = []

    def struck() -> None:
        struck_ns.append(clock.now_ns())
        CAUSES[cause](stricken)

    def tell(step: str, share: float, seconds_left: float | None) -> None:  # noqa: ARG001
        told.append(step)
        if step == moment.step and told.count(step) == moment.told:
            clock.at(clock.now_ns() + round(moment.after_ms * 1e6), lambda: clock.amid(moment.phase, struck))

    request = ScanRequest(
        profile=profile,
        bundle=read_bundle(find_bundle(profile.bundle), trusted_keys()),
        out=out,
        seed=1,
        slide=None,
        region=_REGION,
        method="two-shot",
        calibration=moment.step == "calibrating",
        compare_sweep=False,
    )
    with contextlib.suppress(ScannerError, RuntimeError):
        run_scan(request, stricken.cancel, tell, lambda *_: stricken.scanner)
    stricken.scanner.close()
    return _outcome(stricken, struck_ns, out)


def _outcome(stricken: Stricken, struck_ns: list[int], out: Path) -> Outcome:
    board, axes = stricken.emulation.board, [stricken.profile.axes.of(name) for name in AXES]
    since_ns = struck_ns[0] if struck_ns else 0
    steps_ns = [time_ns for axis in axes for time_ns, level in board.history(axis.step_pin) if level]
    disabled_ns = [time_ns for axis in axes for time_ns, level in board.history(axis.enable_pin) if level]
    lamp = stricken.profile.lamp.pin
    tiles = list((out / "tiles").glob("*")) if (out / "tiles").is_dir() else []
    for tile in tiles:
        Image.open(tile).load()
    journal = (out / "journal").read_text() if (out / "journal").exists() else ""
    named = [json.loads(line[9:])["tile"] for line in journal.splitlines() if '"event": "field"' in line]
    return Outcome(
        happened=bool(struck_ns),
        step_ms=max((time_ns - since_ns for time_ns in steps_ns if time_ns > since_ns), default=0) / 1e6,
        off_ms=(max(disabled_ns, default=since_ns) - since_ns) / 1e6,
        dark_ms=(stricken.dark_ns - since_ns) / 1e6,
        motors_off=all(board.level(axis.enable_pin) and not board.level(axis.step_pin) for axis in axes),
        lamp_off=not board.duty(lamp) and not board.level(lamp),
        tiles=len(tiles),
        named=sum((out / name).is_file() for name in named),
    )


def safety(machine: Machine) -> list[Row]:  # noqa: ARG001
    """Every cause at every moment, each in a scan of its own, on the scanner's virtual clock."""
    rows = []
    for cause in CAUSES:
        for moment in MOMENTS:
            with tempfile.TemporaryDirectory() as scratch:
                outcome = strike(cause, moment, Path(scratch) / "scan")
            assert outcome.happened, f"{cause} at {moment.name}: the scan never came there"
            safe = outcome.motors_off and outcome.lamp_off and outcome.tiles == outcome.named
            rows += [
                figure(_SUITE, f"{cause}; {moment.name}: last step after", "ms", outcome.step_ms),
                figure(_SUITE, f"{cause}; {moment.name}{OFF_AFTER}", "ms", outcome.off_ms),
                figure(_SUITE, f"{cause}; {moment.name}: lamp off after", "ms", outcome.dark_ms),
                figure(_SUITE, f"{cause}; {moment.name}: all off, tiles kept", "", float(safe)),
            ]
    return rows
