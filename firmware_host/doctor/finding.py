"""What one check found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from firmware_host.errors import Cancelled, ScannerError

State = Literal["green", "yellow", "red"]


@dataclass(frozen=True)
class Finding:
    """One line of the preflight.

    :param check: what was looked at; :param state: green is well, yellow works but look at it, red must be mended.
    :param detail: what was seen; :param remedy: what to do, empty when green.
    """

    check: str
    state: State
    detail: str
    remedy: str = ""


def green(check: str, detail: str) -> Finding:
    return Finding(check, "green", detail)


def yellow(check: str, detail: str, remedy: str) -> Finding:
    return Finding(check, "yellow", detail, remedy)


def red(check: str, detail: str, remedy: str) -> Finding:
    return Finding(check, "red", detail, remedy)


def refused(check: str, error: ScannerError) -> Finding:
    """An error says what, and after its last semicolon what to do."""
    text = " ".join(str(error).split()).removeprefix(f"{check}: ")
    detail, _, remedy = text.rpartition("; ")
    return red(check, detail, remedy) if detail else red(check, text, "see docs/troubleshooting.md")


def looked(check: str, look: Callable[[], Finding]) -> Finding:
    """What `look` finds; what it raises is a red finding too, so that one failure does not hide the others.

    :raises Cancelled: asked to stop.
    """
    try:
        return look()
    except Cancelled:
        raise
    except ScannerError as error:
        return refused(check, error)
    except Exception as error:
        return red(check, f"the check failed: {type(error).__name__}: {error}", "report it, with this line")
