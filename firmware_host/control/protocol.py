"""What is said over the socket: one line of JSON asks, one line of JSON answers, and the line is closed.

    {"version": 1, "command": "status"}
    {"version": 1, "ok": true, "status": {...}}
    {"version": 1, "ok": false, "error": "..."}

Commands are status, pause, resume and stop; every answer that is ok has the status after it.
"""

from __future__ import annotations

import json
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from firmware_host.control.desk import Desk
from firmware_host.control.status import Status
from firmware_host.errors import HardwareError, ScannerError, UsageError

VERSION = 1
LONGEST_REQUEST = 1024
"""Bytes, with the end of the line."""
LONGEST_ANSWER = 65536

Command = Literal["status", "pause", "resume", "stop"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    version: int
    command: str


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    version: int
    ok: bool
    error: str = ""
    status: Status | None = None


def request(command: Command) -> bytes:
    """The line that asks."""
    return _line({"version": VERSION, "command": command})


def answer(desk: Desk, line: bytes) -> bytes:
    """Do what a line asks, whatever it holds; the line that answers it."""
    try:
        _do(desk, line)
        return _line({"version": VERSION, "ok": True, "status": desk.status().model_dump()})
    except ScannerError as error:
        return _line({"version": VERSION, "ok": False, "error": str(error)})


def status_of(line: bytes) -> Status:
    """What a line answers.

    :raises UsageError: the scan refused; its reason. :raises HardwareError: this is no answer, or one of another
        version.
    """
    try:
        read = _Answer.model_validate_json(line)
    except ValidationError as error:
        raise HardwareError("control: the scan's answer is none; are both of the same version of wsi-host?") from error
    if read.ok and read.status is not None:
        return read.status
    raise UsageError(read.error or "control: the scan refused")


def _do(desk: Desk, line: bytes) -> None:
    try:
        asked = _Request.model_validate_json(line)
    except ValidationError as error:
        raise UsageError('control: expected a line such as {"version": 1, "command": "status"}') from error
    if asked.version != VERSION:
        raise UsageError(f"control: version {asked.version} was asked, this scan speaks version {VERSION}")
    if asked.command not in get_args(Command):
        raise UsageError(f"control: unknown command; there are {', '.join(get_args(Command))}")
    if asked.command == "pause":
        desk.pause()
    elif asked.command == "resume":
        desk.resume()
    elif asked.command == "stop":
        desk.stop()


def _line(message: dict[str, object]) -> bytes:
    return json.dumps(message, ensure_ascii=True).encode("ascii") + b"\n"
