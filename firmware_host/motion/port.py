"""The stage as the rest of the host sees it, in this process or in another."""

from __future__ import annotations

from typing import Protocol

from firmware_host.profile_tables import AxisName


class StagePort(Protocol):
    """Three axes, positions in um, approached from below; what each call does and raises: `stage.Stage`."""

    @property
    def homed(self) -> bool: ...

    @property
    def x_um(self) -> float: ...

    @property
    def y_um(self) -> float: ...

    @property
    def z_um(self) -> float: ...

    @property
    def settled_ns(self) -> int: ...

    def home(self) -> None: ...

    def move_to(self, *, x_um: float | None = None, y_um: float | None = None, z_um: float | None = None) -> int: ...

    def nudge(self, axis: AxisName, steps: int) -> int: ...

    def check(self, *, x_um: float, y_um: float) -> None: ...

    def z_allowed(self, z_um: float) -> bool: ...

    def shutdown(self, reason: str = "closed") -> None: ...
