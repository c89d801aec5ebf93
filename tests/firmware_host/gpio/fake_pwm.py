"""A folder that stands for /sys/class/pwm, as strict as the kernel: drivers/pwm/sysfs.c, pwm_apply_state in core.c.

What is read and written below it through `Path` goes to the chip; folders and files are there to be looked for.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Channel:
    period: int = 0
    duty_cycle: int = 0
    enable: int = 0
    polarity: str = "normal"


@dataclass
class FakePwmChip:
    """One chip with the channels that are exported, and everything that was written, in order.

    :param held: channels that a kernel driver uses. :param dead: files that cannot be written any more.
    :param denied: how many times a new channel's files are still root's.
    """

    folder: Path
    device: str
    npwm: int = 4
    held: set[int] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    denied: int = 0
    channels: dict[int, Channel] = field(default_factory=dict)
    written: list[tuple[str, str]] = field(default_factory=list)

    def make(self) -> None:
        device = self.folder.parent / "devices" / self.device
        device.mkdir(parents=True)
        self.folder.mkdir()
        (self.folder / "device").symlink_to(device)

    def export(self, number: int) -> None:
        if number >= self.npwm:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if number in self.held or number in self.channels:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self.channels[number] = Channel()
        (self.folder / f"pwm{number}").mkdir()
        for name in ("period", "duty_cycle", "enable", "polarity"):
            (self.folder / f"pwm{number}" / name).touch()

    def unexport(self, number: int) -> None:
        if number not in self.channels:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        del self.channels[number]
        for file in (self.folder / f"pwm{number}").iterdir():
            file.unlink()
        (self.folder / f"pwm{number}").rmdir()

    def write(self, path: Path, text: str) -> None:
        if path.name in self.dead:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.written.append((path.name, text))
        if path.name in ("export", "unexport"):
            getattr(self, path.name)(int(text))
            return
        channel = self._channel(path)
        if path.name == "polarity" and channel.enable:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        wanted = Channel(**vars(channel))
        setattr(wanted, path.name, text if path.name == "polarity" else int(text))
        if wanted.period == 0 or wanted.duty_cycle > wanted.period:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        vars(channel).update(vars(wanted))

    def read(self, path: Path) -> str:
        return f"{getattr(self._channel(path), path.name)}\n"

    def may_write(self) -> None:
        if self.denied > 0:
            self.denied -= 1
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def _channel(self, path: Path) -> Channel:
        return self.channels[int(path.parent.name.removeprefix("pwm"))]


class _File:
    """An open file of the chip."""

    def __init__(self, chip: FakePwmChip, path: Path) -> None:
        self._chip, self._path = chip, path

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, text: str) -> None:
        self._chip.write(self._path, text)


def serve(chip: FakePwmChip, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files below the chip's folder are the chip's from now on."""
    real_open: Callable[..., Any] = Path.open
    real_read = Path.read_text

    def opened(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        if chip.folder not in path.parents:
            return real_open(path, mode, *more, **options)
        if path.name not in ("export", "unexport") and not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        if path.name not in ("export", "unexport"):
            chip.may_write()
        return _File(chip, path)

    def read(path: Path, *more: Any, **options: Any) -> str:
        return chip.read(path) if chip.folder in path.parents else real_read(path, *more, **options)

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(Path, "read_text", read)
