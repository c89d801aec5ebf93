"""A camera that is not trusted: only frames that can be believed get through; what else it does is told and mended.

A frame that is late, old, torn or black is asked for again while the stage stands where it was; a camera that is gone
is waited for, and opened anew. What makes a frame bad is judged in `inspector`. Nothing here knows how frames are used.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from firmware_host.camera.flaws import Flaw
from firmware_host.camera.inspector import Inspector, Place
from firmware_host.camera.port import Camera, Exposure, Frame, FrameLost
from firmware_host.cancel import StopRequest
from firmware_host.clock import Clock
from firmware_host.errors import HardwareError
from firmware_host.incidents import Incident, Note
from firmware_host.lamp import Light
from firmware_host.profile_tables import CameraTable

_AT_ONCE = 2  # times that a frame is asked for again without a pause
_FIRST_PAUSE_NS, _LONGEST_PAUSE_NS = 250_000_000, 5_000_000_000
_SLICE_NS = 100_000_000  # within a pause a request to stop is seen after this
_LAMP_NS = 100_000_000  # until it shines evenly, or is out
_BACK = {"camera lost": "camera back", "light lost": "light back"}
_GO_ON = "then wsi-host scan --out DIR --resume"


class Standing(Protocol):
    """Where the stage stands, um, and since when."""

    @property
    def x_um(self) -> float: ...

    @property
    def y_um(self) -> float: ...

    @property
    def z_um(self) -> float: ...

    @property
    def settled_ns(self) -> int: ...


@dataclass
class _Request:
    """A frame that is wanted. :param tries: in vain so far; :param since_ns: the first of them."""

    not_before_ns: int
    timeout_s: float
    place: Place
    settled_ns: int
    tries: int = 0
    since_ns: int = 0
    told: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Exposed:
    """:param read_out: gives a frame that has been looked at."""

    read_out: Callable[[], Frame]


class SteadyCamera:
    """A camera over another one, whose frames are looked at before they are handed on.

    Where nothing is the matter it passes the same frames at the same times. What is the matter takes `camera.lost_s`
    and one more try, or three tries where these take longer; then a request raises.

    :param stage: a frame can be asked for again only while it stands where it did.
    :param lamp: switched off for a frame, and on again, where there is no light.
    :param reopen: opens the camera anew after the old one was closed; None where nothing can be opened.
    :param noisy: as of `Inspector`.
    """

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        cancel: StopRequest,
        table: CameraTable,
        stage: Standing,
        lamp: Light,
        note: Note,
        reopen: Callable[[], Camera] | None = None,
        noisy: bool = True,
    ) -> None:
        self._camera = camera
        self._clock = clock
        self._cancel = cancel
        self._table = table
        self._stage = stage
        self._lamp = lamp
        self._note = note
        self._reopen = reopen
        self._inspector = Inspector(camera.shape, noisy)
        self._lost: dict[str, int] = {}
        self._gone = self._closed = False

    @property
    def shape(self) -> tuple[int, int]:
        return self._camera.shape

    def expose(self, not_before_ns: int, timeout_s: float) -> Exposure:
        """As of every camera. Behind a rolling shutter the frame is there already, and is looked at here."""
        stage = self._stage
        request = _Request(not_before_ns, timeout_s, (stage.x_um, stage.y_um, stage.z_um), stage.settled_ns)
        exposure = self._expose(request)
        if self._table.shutter == "rolling":
            frame = self._read_out(request, exposure)
            return _Exposed(lambda: frame)
        return _Exposed(functools.partial(self._read_out, request, exposure))

    def close(self) -> None:
        self._closed = True
        self._camera.close()

    def _read_out(self, request: _Request, exposure: Exposure) -> Frame:
        """The first good frame of a request, which may be another one than that.

        :raises FrameLost: it is bad, and the stage has moved on. :raises HardwareError: `lost_s` were over in vain.
        """
        while (frame := self._judged(request, exposure)) is None:
            exposure = self._expose(request)
        while self._lost:
            lost, since_ns = self._lost.popitem()
            waited_s = (self._clock.now_ns() - since_ns) / 1e9
            self._note(Incident(_BACK[lost], f"camera: {_BACK[lost]} after {waited_s:.1f} s"))
        return frame

    def _expose(self, request: _Request) -> Exposure:
        while True:
            self._cancel.check()
            try:
                return self._opened().expose(request.not_before_ns, request.timeout_s)
            except HardwareError as error:
                self._failed(request, _silence(error))

    def _judged(self, request: _Request, exposure: Exposure) -> Frame | None:
        """The frame; None when it was bad, and another one may be asked for."""
        try:
            frame = exposure.read_out()
        except HardwareError as error:
            flaw: Flaw | None = _silence(error)
        else:
            with self._clock.work("readout"):
                flaw = self._inspector.flaw(frame, request.place, request.not_before_ns, self._clock.now_ns())
        if flaw is None:
            return frame
        if self._stage.settled_ns != request.settled_ns:
            self._tell(request, flaw.cause, f"{flaw.text}; left out, as the stage had moved on")
            raise FrameLost(f"camera: {flaw.text}, and the stage had moved on")
        self._failed(request, flaw)
        return None

    def _failed(self, request: _Request, flaw: Flaw) -> None:
        """Make ready for another try, or give up."""
        if self._closed:
            raise HardwareError("camera: it was closed; start the scanner again")
        now_ns = self._clock.now_ns()
        if not request.tries:
            request.since_ns = now_ns
        request.tries += 1
        is_black = flaw.cause == "frame black"
        self._tell(request, flaw.cause, f"{flaw.text}; asked again")
        if flaw.cause == "frame dropped":
            self._inspector.restarted()
        if request.tries > _AT_ONCE:
            left_ns = request.since_ns + round(self._table.lost_s * 1e9) - now_ns
            if left_ns <= 0:
                raise HardwareError(_hopeless(flaw, self._table.lost_s))
            lost = "light lost" if is_black else "camera lost"
            self._lost.setdefault(lost, request.since_ns)
            self._tell(request, lost, f"{flaw.text}, again and again")
            self._pause(min(_FIRST_PAUSE_NS << (request.tries - _AT_ONCE - 1), _LONGEST_PAUSE_NS, left_ns))
        if is_black and request.tries >= _AT_ONCE:
            self._relight(request)
        elif request.tries > _AT_ONCE:
            self._let_go()
        request.not_before_ns = max(request.not_before_ns, self._clock.now_ns())

    def _opened(self) -> Camera:
        if self._gone and self._reopen is not None:
            self._camera = self._reopen()
        self._gone = False
        return self._camera

    def _let_go(self) -> None:
        """It is opened anew when it is asked for the next time."""
        self._inspector.restarted()
        if self._reopen is not None:
            self._camera.close()
            self._gone = True

    def _relight(self, request: _Request) -> None:
        """The lamp off and on, and meanwhile a frame, which tells what this camera makes of no light."""
        self._lamp.off()
        self._pause(_LAMP_NS)
        with contextlib.suppress(HardwareError):
            self._inspector.learn_dark(self._camera.expose(self._clock.now_ns(), request.timeout_s).read_out())
        self._lamp.on()
        self._pause(_LAMP_NS)

    def _tell(self, request: _Request, cause: str, text: str) -> None:
        """Once for each cause of a request."""
        if cause not in request.told:
            request.told.add(cause)
            self._note(Incident(cause, f"camera: {text}"))

    def _pause(self, length_ns: int) -> None:
        until_ns = self._clock.now_ns() + length_ns
        while (now_ns := self._clock.now_ns()) < until_ns:
            self._cancel.check()
            self._clock.wait_until(min(until_ns, now_ns + _SLICE_NS), "wait")


def _silence(error: HardwareError) -> Flaw:
    return Flaw("frame dropped", str(error).removeprefix("camera: "))


def _hopeless(flaw: Flaw, lost_s: float) -> str:
    if flaw.cause == "frame black":
        return (
            f"lamp: no light for {lost_s:g} s, switched off and on in vain; check the lamp, its cable and its supply, "
            f"and that nothing lies in the light, {_GO_ON}"
        )
    if flaw.cause == "frame dropped":
        return f"camera: gone for {lost_s:g} s ({flaw.text}); check its cable, {_GO_ON}"
    return f"camera: no good frame for {lost_s:g} s ({flaw.text}); check its cable and its supply, {_GO_ON}"
