"""Which of a card's two systems starts: what RAUC asks a bootloader, answered by a Raspberry Pi's `autoboot.txt`.

The firmware starts the default system. It tries the other one once, when it is restarted with the argument `0 tryboot`,
and forgets that as it does: a system that hangs or loses power is followed by the default one. One that has been tried
and is found good becomes the default. Everything is in one file of one sector, written in place: a power cut leaves the
old text or the new one. Source: Raspberry Pi documentation, "autoboot.txt"; RAUC documentation, "Custom".
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast, get_args

from firmware_host.errors import ScannerError, UsageError
from firmware_host.whole_file import write_whole

Slot = Literal["A", "B"]
State = Literal["good", "bad"]

PARTITIONS: dict[Slot, int] = {"A": 2, "B": 3}
"""The boot partition of each system, counted from 1."""
FILE = "autoboot.txt"
SECTOR_BYTES = 512
"""More the firmware does not read."""
TRY_ONCE = "0 tryboot"
"""The argument of the restart that tries the other system."""

_CONFIG, _REBOOT, _KERNEL = Path("/boot/config"), Path("/run/systemd/reboot-param"), Path("/proc/cmdline")


@dataclass(frozen=True)
class Choice:
    """:param default: starts; :param tried: is to be tried at the next restart, None: nothing is.

    :param bad: systems that are being written, or have failed.
    """

    default: Slot = "A"
    tried: Slot | None = None
    bad: frozenset[Slot] = frozenset()

    @property
    def text(self) -> bytes:
        """As the firmware reads it, and this module; of one sector's length."""
        lines = [
            "[all]",
            "tryboot_a_b=1",
            f"boot_partition={PARTITIONS[self.default]}",
            "[tryboot]",
            f"boot_partition={PARTITIONS[other(self.default)]}",
            *(f"# {name} is bad" for name in sorted(self.bad)),
            *(f"# {name} is to be tried" for name in [self.tried] if name),
        ]
        return ("\n".join(lines) + "\n").encode("ascii").ljust(SECTOR_BYTES - 1, b" ") + b"\n"


def other(slot: Slot) -> Slot:
    return "B" if slot == "A" else "A"


def parsed(text: bytes) -> Choice:
    """:raises UsageError: it is not as this module writes it."""
    shown = text.decode("ascii", "replace")
    defaults = re.match(r"\[all\]\ntryboot_a_b=1\nboot_partition=([23])\n\[tryboot\]\nboot_partition=([23])\n", shown)
    if defaults is None or defaults[1] == defaults[2]:
        raise UsageError(f"{FILE}: it does not name two systems to start; write the card again")
    default = next(slot for slot, number in PARTITIONS.items() if number == int(defaults[1]))
    bad = [cast(Slot, name) for name in re.findall(r"^# ([AB]) is bad$", shown, re.MULTILINE)]
    tried = [cast(Slot, name) for name in re.findall(r"^# ([AB]) is to be tried$", shown, re.MULTILINE)]
    return Choice(default, tried[0] if tried else None, frozenset(bad))


class Slots:
    """The systems of one card.

    :param config: where its first partition is mounted; :param reboot: what systemd passes to the kernel at a restart.
    :param kernel: the kernel's command line, which names the system that runs.
    """

    def __init__(self, config: Path = _CONFIG, reboot: Path = _REBOOT, kernel: Path = _KERNEL) -> None:
        self._file = config / FILE
        self._reboot = reboot
        self._kernel = kernel

    def current(self) -> Slot:
        """The system that runs. :raises UsageError: none of them does."""
        found = re.search(r"(?:^|\s)rauc\.slot=([AB])(?:\s|$)", self._kernel.read_text())
        if found is None:
            raise UsageError(f"boot slots: {self._kernel} names none; is this a flashed card?")
        return cast(Slot, found[1])

    def primary(self) -> Slot:
        """The system that starts next."""
        choice = self._read()
        return choice.tried or choice.default

    def set_primary(self, slot: Slot) -> None:
        """Start this one next: the default at once, the other one by trying it at the next restart."""
        choice = self._read()
        is_default = slot == choice.default
        self._write(replace(choice, tried=None if is_default else slot, bad=choice.bad - {slot}))
        if is_default:
            self._reboot.unlink(missing_ok=True)
        else:
            self._reboot.write_text(TRY_ONCE)

    def state(self, slot: Slot) -> State:
        return "bad" if slot in self._read().bad else "good"

    def set_state(self, slot: Slot, state: State) -> None:
        """What the running system says of itself once it has started, or an installation of the one that it writes.

        A good one that was tried is the default from then on; a bad one starts no more while the other one is good.
        """
        choice = self._read()
        bad = choice.bad - {slot} if state == "good" else choice.bad | {slot}
        tried = None if choice.tried == slot else choice.tried
        default = choice.default
        if state == "good" and choice.tried == slot:
            default = slot
        elif state == "bad" and default == slot and other(slot) not in bad:
            default = other(slot)
        self._write(Choice(default, tried, bad))

    def _read(self) -> Choice:
        try:
            return parsed(self._file.read_bytes())
        except OSError as error:
            raise UsageError(f"{self._file}: cannot be read: {error.strerror}; is this a flashed card?") from error

    def _write(self, choice: Choice) -> None:
        if self._file.stat().st_size != SECTOR_BYTES:
            write_whole(self._file, choice.text)
            return
        handle = os.open(self._file, os.O_WRONLY)
        try:
            os.pwrite(handle, choice.text, 0)
            os.fsync(handle)
        finally:
            os.close(handle)


def answer(slots: Slots, arguments: list[str]) -> str:
    """What RAUC asks of its custom bootloader backend; the line that it reads, empty where it reads none.

    :raises UsageError: it asks something else.
    """
    match arguments:
        case ["get-current"]:
            return slots.current()
        case ["get-primary"]:
            return slots.primary()
        case ["set-primary", name] if name in get_args(Slot):
            slots.set_primary(cast(Slot, name))
        case ["get-state", name] if name in get_args(Slot):
            return slots.state(cast(Slot, name))
        case ["set-state", name, state] if name in get_args(Slot) and state in get_args(State):
            slots.set_state(cast(Slot, name), cast(State, state))
        case _:
            raise UsageError(
                f"boot slots: {' '.join(arguments) or 'nothing'} is not asked so; see RAUC's custom backend"
            )
    return ""


def main() -> None:
    """Entry point of RAUC's backend."""
    try:
        line = answer(Slots(), sys.argv[1:])
    except (ScannerError, OSError) as error:
        sys.exit(f"error: {error}")
    if line:
        print(line)


if __name__ == "__main__":
    main()
