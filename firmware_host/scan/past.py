"""Going on with a scan: its settings from its journal, and what may not have changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from firmware_host.bundle import Bundle, find_bundle, read_bundle
from firmware_host.errors import UsageError
from firmware_host.heartbeat import Tell
from firmware_host.profile import Profile, load_profile, parse_profile
from firmware_host.scan.entries import ON_REQUEST, Begin, Story, story_of
from firmware_host.scan.folder import JOURNAL, checksum
from firmware_host.scan.journal import read_journal
from firmware_host.scan.plan import Region
from firmware_host.scan.request import ScanRequest
from firmware_host.trust import trusted_keys

CHECKING = "checking the tiles"
"""What is told of this step."""


def profile_in(out: Path) -> Profile:
    """The profile that the scan in a folder was begun with. :raises UsageError: there is no such scan."""
    past = read_journal(out / JOURNAL)
    if not past.entries:
        raise UsageError(f"output {out}: its scan was interrupted before it had begun; scan again without --resume")
    return parse_profile(story_of(past, out / JOURNAL).begin.profile, f"in {out / JOURNAL}")


def unfinished_in(scans: Path) -> Path | None:
    """The last of the scans that are named by their time, if it can be gone on with; not one stopped on request.

    :raises UsageError: its journal is damaged, or of another version.
    """
    last = max((each.parent for each in scans.glob(f"{'[0-9]' * 8}T{'[0-9]' * 6}Z/{JOURNAL}")), default=None)
    if last is None:
        return None
    past = read_journal(last / JOURNAL)
    if not past.of("prepared"):
        return None
    story = story_of(past, last / JOURNAL)
    return None if story.ended or story.stopped == ON_REQUEST else last


def request_of(story: Story, out: Path, asked: Mapping[str, Any]) -> ScanRequest:
    """What was asked for when the scan was begun.

    :param asked: what is asked for now, by the names of `Begin`; it must be the same.
    :raises UsageError: it is not, or profile, focus model or emulated slide are no longer what they were then.
    """
    begin = story.begin
    profile = parse_profile(begin.profile, f"in {out / JOURNAL}")
    before = begin.model_dump(mode="json")
    _refuse_changes({key: before[key] for key in asked}, asked, "what is asked for", out)
    if begin.profile_from and "profile" not in asked:
        now = load_profile(begin.profile_from).model_dump(mode="json")
        _refuse_changes(profile.model_dump(mode="json"), now, f"profile {begin.profile_from}", out)
    return ScanRequest(
        profile=profile,
        bundle=_same_bundle(begin, out),
        out=out,
        seed=begin.seed,
        slide=_same_slide(begin, out),
        region=None if begin.region is None else Region(*begin.region),
        method=begin.method,
        calibration=begin.calibration,
        compare_sweep=begin.compare_sweep,
        real_time=begin.real_time,
        profile_from=begin.profile_from,
        bundle_from=begin.bundle_from,
        allow_unsigned=begin.allow_unsigned,
    )


def checked_tiles(story: Story, out: Path, tell: Tell) -> Story:
    """The story without the fields whose tiles are not on disk as they were written: they are scanned again."""
    lost = set()
    for number, record in enumerate(story.records, start=1):
        try:
            whole = checksum((out / record.tile).read_bytes()) == story.checksums[record.tile]
        except OSError:
            whole = False
        if not whole:
            lost.add(record.tile)
        tell(CHECKING, number / len(story.records), None)
    return story.without(lost)


def file_sha256(path: Path) -> str:
    """:raises UsageError: the file cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"slide image {path}: cannot be read: {error.strerror}") from error


def differences(before: Mapping[str, Any], now: Mapping[str, Any], inside: str = "") -> Iterator[str]:
    """Each key whose value is another one, with both: "axes.x.steps_per_um was 3.2, is 3.3"."""
    for key in [*before, *(key for key in now if key not in before)]:
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from differences(old, new, f"{inside}{key}.")
        elif old != new:
            yield f"{inside}{key} was {_shown(old)}, is {_shown(new)}"


def _shown(value: object) -> str:
    return "not given" if value is None else str(value)


def _refuse_changes(before: Mapping[str, Any], now: Mapping[str, Any], what: str, out: Path) -> None:
    changed = list(differences(before, now))
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UsageError(
            f"{what}: changed since the scan in {out} was begun: {'; '.join(changed[:3])}{more}; "
            "put it back to continue, or scan into another --out"
        )


def _same_bundle(begin: Begin, out: Path) -> Bundle:
    bundle = read_bundle(
        find_bundle(begin.bundle_from or str(begin.profile["bundle"])),
        None if begin.allow_unsigned else trusted_keys(),
    )
    if bundle.sha256 != begin.bundle:
        raise UsageError(
            f"bundle {begin.bundle_from}: changed since the scan in {out} was begun: SHA-256 was {begin.bundle[:16]}, "
            f"is {bundle.sha256[:16]}; put the old one back to continue, or scan into another --out"
        )
    return bundle


def _same_slide(begin: Begin, out: Path) -> Path | None:
    if begin.slide is None:
        return None
    slide = Path(begin.slide)
    if file_sha256(slide) != begin.slide_sha256:
        raise UsageError(f"slide image {slide}: changed since the scan in {out} was begun; put the old one back")
    return slide
