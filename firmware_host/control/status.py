"""What a running scan tells of itself, as it goes over the socket. Names and units are those of docs/control.md."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

State = Literal["running", "pausing", "paused", "stopping", "assembling", "ended"]
"""Pausing, stopping: asked for, and come with the next field. Assembling: the scan is over, the slide is made.
Ended: it answers no more, which only whoever asked can tell."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Happened(_Message):
    """:param at: UTC, ISO 8601; :param cause: a name of `firmware_host.incidents`; :param text: one line."""

    at: str
    cause: str
    text: str


class Status(_Message):
    """How a scan goes.

    :param folder: of the scan, absolute; :param profile: its name; :param began: UTC, ISO 8601.
    :param paused_by: who has to end the pause: the user, or the scan itself, for the reason given.
    :param step: what is being done; :param share: of it, 0 to 1; :param seconds_left: on the scanner's clock.
    :param fields_done, fields_total: None until the fields are known.
    :param free_mb: room on the scan's disk, MB, when last looked.
    :param incidents: how many there were; :param latest: the last of them, oldest first.
    """

    pid: int
    folder: str
    profile: str
    began: str
    state: State
    paused_by: Literal["user", "watch"] | None = None
    reason: str = ""
    step: str = ""
    share: float = 0.0
    seconds_left: float | None = None
    fields_done: int | None = None
    fields_total: int | None = None
    free_mb: float | None = None
    incidents: int = 0
    latest: list[Happened] = []
