"""One scanner described in TOML: read once, checked here, trusted everywhere else.

A wrong profile is refused with the file, the key, the value and the allowed range. Nothing here touches hardware.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from firmware_host.errors import UsageError
from firmware_host.optics import Objective
from firmware_host.profile_tables import (
    AXES,
    AxesTable,
    CameraTable,
    FocusTable,
    HardwareTable,
    HealthTable,
    LampTable,
    ObjectiveTable,
    Pin,
    PulsesTable,
    ScanTable,
    Table,
    TwinTable,
)


class Profile(Table):
    """A whole scanner."""

    schema_version: Literal[1]
    name: str = Field(min_length=1, max_length=80)
    description: str = ""
    bundle: str = Field(min_length=1, description="a shipped bundle's file name, or a path")
    hardware: HardwareTable
    objective: ObjectiveTable
    camera: CameraTable
    axes: AxesTable
    pulses: PulsesTable = PulsesTable()
    lamp: LampTable
    emergency_stop_pin: Pin | None = None
    focus: FocusTable
    scan: ScanTable
    health: HealthTable = HealthTable()
    twin: TwinTable | None = None

    @model_validator(mode="after")
    def _whole(self) -> Profile:
        if self.hardware.camera in ("opencv", "replay") and not self.camera.source:
            raise ValueError(f"camera.source is needed with hardware.camera = {self.hardware.camera!r}")
        if self.hardware.is_emulated and self.twin is None:
            raise ValueError("an emulated profile needs the table [twin]")
        users: dict[int, str] = {}
        for key, pin in self._pins():
            if pin in users:
                raise ValueError(f"pin {pin} is used twice: {users[pin]} and {key}")
            users[pin] = key
        return self

    def _pins(self) -> list[tuple[str, int]]:
        pins = [("lamp.pin", self.lamp.pin)]
        if self.emergency_stop_pin is not None:
            pins.append(("emergency_stop_pin", self.emergency_stop_pin))
        shared_enable: set[int] = set()
        for name in AXES:
            axis = self.axes.of(name)
            for key in ("step_pin", "dir_pin", "enable_pin", "limit_pin", "fault_pin"):
                pin = getattr(axis, key)
                if pin is None or (key == "enable_pin" and pin in shared_enable):
                    continue
                if key == "enable_pin":
                    shared_enable.add(pin)
                pins.append((f"axes.{name}.{key}", pin))
        return pins

    @property
    def optics(self) -> Objective:
        return self.objective.optics

    @property
    def field_um(self) -> tuple[float, float]:
        """(width, height) of one field on the slide, um."""
        return self.camera.width_px * self.camera.pixel_um, self.camera.height_px * self.camera.pixel_um


def shipped_profiles() -> list[str]:
    """Names of the profiles that come with the software."""
    folder = resources.files("firmware_host") / "profiles"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_profile(name_or_path: str) -> Profile:
    """Read and check a profile.

    :param name_or_path: a shipped profile's name, or the path of a TOML file.
    :raises UsageError: it does not exist, is not TOML, or a value is missing, unknown or out of range.
    """
    text, where = profile_text(name_or_path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"profile {where}: not valid TOML: {error}") from error
    return parse_profile(data, where)


def parse_profile(data: dict[str, Any], where: str) -> Profile:
    """Check a profile that has been read already; `where` names it in errors."""
    try:
        return Profile.model_validate(data, strict=False)
    except ValidationError as error:
        raise UsageError(f"profile {where}: {_first_problem(error)}") from error


def profile_text(name_or_path: str) -> tuple[str, str]:
    """A profile as it is written, and its name for errors.

    :raises UsageError: it is not there, or cannot be read.
    """
    if "/" not in name_or_path and not name_or_path.endswith(".toml"):
        if name_or_path not in shipped_profiles():
            known = ", ".join(shipped_profiles())
            raise UsageError(f"profile {name_or_path}: not among the shipped ones ({known}); a path ends in .toml")
        return (resources.files("firmware_host") / "profiles" / f"{name_or_path}.toml").read_text(), name_or_path
    try:
        return Path(name_or_path).read_text(encoding="utf-8"), name_or_path
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"profile {name_or_path}: cannot be read: {error}") from error


def _first_problem(error: ValidationError) -> str:
    """The first problem of a validation as `key = value: message (allowed: range)`."""
    problems = error.errors()
    first = problems[0]
    key = ".".join(str(part) for part in first["loc"]) or "profile"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    match first["type"]:
        case "missing":
            return f"{key} is missing{_allowed(first['loc'])}{more}"
        case "extra_forbidden":
            return f"{key} = {first['input']!r} is not a known key; see the shipped profiles{more}"
        case "value_error":
            message = first["msg"].removeprefix("Value error, ")
            return f"{key}: {message}{more}"
    return f"{key} = {first['input']!r}: {first['msg'].lower()}{_allowed(first['loc'])}{more}"


def _allowed(loc: tuple[int | str, ...]) -> str:
    """The allowed range of the field at `loc`, as ` (allowed: 0.05 to 1.45)`; empty where it has none."""
    model: Any = Profile
    field = None
    for part in loc:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            return ""
        model = field.annotation
    if field is None:
        return ""
    bounds: dict[str, Any] = {}
    for rule in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            value = getattr(rule, name, None)
            if value is not None:
                bounds[name] = value
    low = bounds.get("ge", bounds.get("gt"))
    high = bounds.get("le", bounds.get("lt"))
    if low is None or high is None:
        return ""
    return f" (allowed: {'above ' if 'gt' in bounds else ''}{low} to {high})"
