"""What can happen to a scan, and what is done about it: one table, which the docs print and the code speaks through.

Whoever notices something says so by its name here. It stands in the journal, in the report, and on standard error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Response:
    """A row of the table in docs/faults.md.

    :param noticed: how; :param done: what the scanner does; :param seen: what the user sees.
    """

    noticed: str
    done: str
    seen: str


RESPONSES: dict[str, Response] = {
    "processor hot": Response(
        "the kernel's thermal zones, every 5 s between two fields",
        "warns, pauses until it has cooled, and stops safely when it gets too hot or does not cool in time",
        "a warning; a pause with the temperature; at the end a safety stop",
    ),
    "under-voltage": Response(
        "what the board tells of its supply, every 5 s between two fields",
        "pauses for up to a minute, as a resting scanner draws less, then stops safely; or as the profile says",
        "a pause; a safety stop that names the supply",
    ),
    "under-voltage before": Response(
        "the board remembers a low supply from before the scan", "nothing, it is past", "a warning"
    ),
    "processor slowed": Response(
        "the board holds its clock down", "nothing: the pauses for heat and supply see to it", "a warning"
    ),
    "power events": Response("the board's counters have grown since the scan began", "nothing", "a warning"),
    "memory low": Response(
        "what the kernel says can still be had, every 5 s between two fields",
        "warns, then pauses and gives idle memory back; stops safely when that does not help in time",
        "a warning; a pause with what is left; a safety stop before the kernel kills anything",
    ),
    "disk nearly full": Response(
        "free room on the scan's disk, between any two fields",
        "says so when the rest of the scan will not fit; below the floor it pauses, goes on by itself when there is "
        "room again, and stops safely when there is none in time",
        "a warning with what is needed and what is free; a pause; a stop that tells how to go on",
    ),
    "disk full": Response(
        "a write fails for want of room",
        "pauses, tries the tile again each second, goes on by itself when there is room; stops safely when there is "
        "none within health.pause_s",
        "a pause; a stop that tells how to go on",
    ),
    "disk error": Response(
        "a write fails otherwise",
        "the tile is written again, up to five times with growing pauses; then a safe stop",
        "a warning; a stop that tells how to go on",
    ),
    "disk refuses": Response(
        "a write fails in a way that does not pass: the disk is read-only or gone",
        "a safe stop at once",
        "a stop that tells how to go on",
    ),
    "light changed": Response(
        "four tiles in succession, or most of a row, are darker than those before, or brighter, though taken again; or "
        "a view is not as bright at the end of the survey as it was at its beginning",
        "looks at the brightest view of the survey: in another light it stops safely, in the same one the row is taken "
        "again; the survey is made again, at most twice",
        "a warning; an error that names the lamp and tells how to go on",
    ),
    "position lost": Response(
        "a tile's overlap lies elsewhere than its neighbours and the stage say; or it looks like none of theirs, "
        "and the place of an earlier tile, looked at again, is not where it was",
        "homes the stage, finds its place again by saved tiles, takes the tiles since then again; stops safely when "
        "this happens in four rows in succession",
        "a warning; the stage's new zero in the report",
    ),
    "focus lost": Response(
        "three fields with tissue in succession without focus",
        "homes the stage, looks for the focus over a long way at a saved tile, takes those fields again",
        "a warning",
    ),
    "tissue out of focus": Response(
        "a field that the network takes for empty absorbs light",
        "taken again at the end of its row, at last by contrast sweep; flagged where that does not help",
        "the field's flag in tiles.csv and in the report",
    ),
    "slide moved": Response(
        "after a scan is continued: saved tiles do not look as they did",
        "a shift of less than a third of a field is made up for; else it stops before anything is scanned",
        "the shift in the report; or an error that tells what to do",
    ),
    "safety stop": Response(
        "a limit switch, a driver's fault pin, the emergency stop, heat or supply (docs/safety.md)",
        "no further step; motors and lamp off at once",
        "an error that names the cause; the slide so far, and how to go on",
    ),
    "scanner failed": Response(
        "what the other rows give up, and what no row tells of: a switch that is never found, a driver library's error",
        "motors and lamp off",
        "an error that says what and where; the slide so far",
    ),
    "paused by user": Response(
        "wsi-host pause", "rests between two fields until wsi-host resume or wsi-host stop", "the state paused"
    ),
    "stopped by user": Response(
        "wsi-host stop, Ctrl-C, SIGTERM",
        "no further step; everything off; the slide is made of what there is",
        "the slide so far, and how to go on",
    ),
    "frame dropped": Response(
        "the camera gives no frame within camera.timeout_s, or says why not",
        "asked again, twice at once; left out where the stage has moved on: the two frames of a field are taken again, "
        "a height of a sweep is missing",
        "a line in the journal",
    ),
    "frame stale": Response(
        "its time stamp, its number, or the same noise as in an earlier frame of another place",
        "as for a dropped frame",
        "a line in the journal",
    ),
    "frame half": Response(
        "rows without any noise, rows of an earlier frame, or another picture from one row on",
        "as for a dropped frame; what breaks in the same way in four frames from there is on the slide, and is kept",
        "a line in the journal",
    ),
    "frame damaged": Response(
        "rows out of their place, blocks that are no picture, or another size", "as for half a frame", "the same"
    ),
    "frame black": Response(
        "darker than anything that light gets through; where that is not sure, a frame with the lamp off tells",
        "asked again, then the lamp is switched off and on",
        "a line in the journal",
    ),
    "camera lost": Response(
        "no good frame three times in a row",
        "waits, opens the camera anew, asks again, with growing pauses; stops after camera.lost_s",
        "a pause; at the end an error that tells how to go on",
    ),
    "camera back": Response("a good frame after that", "the scan goes on where it was", "how long it took"),
    "light lost": Response(
        "black again after the lamp was off and on",
        "waits and does so again, with growing pauses; stops after camera.lost_s",
        "a pause; at the end an error that names lamp, cable and supply",
    ),
    "light back": Response("a frame with light after that", "the scan goes on where it was", "how long it took"),
    "tile blurred": Response(
        "its detail against that of its own focus frames, whose distance is known, and of its neighbours, above all "
        "where both show the same tissue; a tile may be found blurred by the next one",
        "takes the field again at the end of the row, the last time by contrast sweep; then flags it",
        "the field among the re-taken or the flagged ones in tiles.csv and in the report",
    ),
    "tile uneven": Response(
        "by its own focus frames, patches of it stand at different distances from focus: a fold, tissue on a bubble",
        "flags it: no height shows all of it",
        "the field among the flagged ones",
    ),
    "tile too dark": Response(
        "its brightness against its neighbours' at the same places of the slide",
        "takes it again, then flags it",
        "the field among the re-taken or the flagged ones",
    ),
    "tile too bright": Response(
        "the same; and how much of it is at the end of the scale",
        "takes it again, then flags it",
        "the field among the re-taken or the flagged ones",
    ),
    "tile damaged": Response(
        "rows without light, and steps from row to row or column to column that no lens draws",
        "takes it again, then flags it",
        "the field among the re-taken or the flagged ones",
    ),
    "tile repeated": Response(
        "the camera's noise is that of an earlier frame, to the bit",
        "takes it again, then flags it",
        "the field among the re-taken or the flagged ones",
    ),
    "seam off": Response(
        "its overlap does not look like that of any neighbour",
        "looks at an earlier tile again, as the stage may have lost its place; takes the field again, then flags it",
        "the field among the re-taken or the flagged ones",
    ),
    "position off": Response(
        "its overlap lies elsewhere than the stage says: steps were lost, or the stage slipped",
        "homes, takes it again, then flags it",
        "the same, with the pixels it is off by",
    ),
    "height off": Response(
        "its z is more than 1.5 DoF from where its neighbours lie",
        "takes it again; what is found at the same height twice is so, else it is flagged",
        "the field among the re-taken or the flagged ones",
    ),
    "tile not judged": Response(
        "there is tissue, but neither focus frames nor neighbours to compare it with",
        "flags it",
        "the field among the re-taken or the flagged ones",
    ),
    "network failed": Response(
        "the backend's own error, or an answer that is not finite",
        "the field is focused by a contrast sweep; in a calibration such pairs are left out",
        "the status swept",
    ),
    "network slow": Response(
        "the time of an answer, above 3 s", "the answer is used, and counts as a failure", "a line in the journal"
    ),
    "network left out": Response(
        "three failures in a row",
        "20 fields are focused by contrast alone, then it is asked again",
        "a warning; the status swept, and a slower scan",
    ),
    "network back": Response("an answer after that", "fields are focused by two shots again", "a line in the journal"),
}
"""By the name of what happens."""


def table() -> str:
    """RESPONSES as Markdown, for docs/faults.md."""
    rows = [("what", "how it is noticed", "what is done", "what is seen"), ("---",) * 4]
    rows += [(cause, each.noticed, each.done, each.seen) for cause, each in RESPONSES.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


@dataclass(frozen=True)
class Incident:
    """Something of the table that happened.

    :param cause: its name there; :param text: one line for the user: what, where, what was done or is to be done.
    :raises KeyError: nobody described that cause.
    """

    cause: str
    text: str

    def __post_init__(self) -> None:
        RESPONSES[self.cause]


Note = Callable[[Incident], None]
"""Called with what happens, from the thread that notices it. It returns quickly and raises nothing."""
