"""The errors that reach a user as one clear line. Not for programming mistakes: those stay ordinary exceptions."""

from __future__ import annotations

import sys


def warn(text: str) -> None:
    """One line on standard error, about what does not end the work."""
    print(f"warning: {' '.join(text.split())}", file=sys.stderr)


class ScannerError(Exception):
    """Something the user can act on. The message says what, where, and what to do, in one line."""

    exit_code = 1


class UsageError(ScannerError):
    """Bad input: a file, a profile, an option. Nothing has been written when it is raised."""

    exit_code = 2


class HardwareError(ScannerError):
    """The scanner itself failed: a driver fault, a limit switch, a camera that does not answer."""

    exit_code = 3


class SafetyStop(HardwareError):
    """Motion was stopped on purpose to protect the scanner; the pulses are off and the drivers disabled."""


class Cancelled(ScannerError):
    """The user asked to stop. What was done until then is kept."""

    exit_code = 130
