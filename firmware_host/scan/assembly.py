"""From a scan's folder to its slide, table and report. Everything comes from the folder, so it can be done again."""

from __future__ import annotations

from pathlib import Path

from firmware_host.errors import HardwareError, UsageError
from firmware_host.heartbeat import Tell
from firmware_host.profile import Profile, parse_profile
from firmware_host.scan.entries import Story, story_of
from firmware_host.scan.folder import JOURNAL
from firmware_host.scan.journal import read_journal
from firmware_host.scan.plan import corners_px
from firmware_host.scan.request import ScanResult
from firmware_host.slide.mosaic import Mosaic, PlacedTile
from firmware_host.slide.pyramid import write_slide
from firmware_host.slide.record import write_tiles_csv
from firmware_host.slide.report import ReportData, write_report
from firmware_host.slide.summary import summarise

ASSEMBLY = "writing the slide"
"""What is told of this step."""

_BACKGROUND = (238, 238, 238)


def assemble(folder: Path, tell: Tell) -> ScanResult:
    """Write tiles.csv, slide.tiff and report.html of a scan, finished or not, from its journal and tiles.

    Nobody may write the folder meanwhile.

    :raises UsageError: it is no scan's folder, nothing was scanned, or a tile is damaged.
    :raises HardwareError: the disk does not take them; what was there before is untouched.
    """
    journal = folder / JOURNAL
    story = story_of(read_journal(journal), journal)
    profile = parse_profile(story.begin.profile, f"in {journal}")
    if not story.records:
        raise UsageError(
            f"output {folder}: no tile was scanned; continue it with wsi-host scan --out {folder} --resume"
        )
    try:
        return _written(folder, story, profile, tell)
    except OSError as error:
        raise HardwareError(
            f"disk: the slide cannot be written: {error.strerror or error}; make room, then wsi-host assemble {folder}"
        ) from error


def _written(folder: Path, story: Story, profile: Profile, tell: Tell) -> ScanResult:
    write_tiles_csv(folder / "tiles.csv", list(story.records))
    saved = [record for record in story.records if record.tile]
    corners = corners_px([(r.x_um, r.y_um) for r in saved], profile.camera)
    tiles = [PlacedTile(folder / r.tile, *corner) for r, corner in zip(saved, corners, strict=True)]
    mosaic = Mosaic(tiles, (profile.camera.height_px, profile.camera.width_px), _BACKGROUND)
    slide, report = folder / "slide.tiff", folder / "report.html"
    thumbnail = write_slide(
        slide,
        mosaic,
        profile.camera.pixel_um,
        profile.objective.magnification,
        profile.scan.jpeg_quality,
        lambda share: tell(ASSEMBLY, share, None),
    )
    dof_um = profile.optics.depth_of_field_um
    begin = story.begin
    write_report(
        report,
        ReportData(
            title=f"Scan with {profile.name}" + (f", seed {begin.seed}" if profile.twin is not None else ""),
            method="two shots" if begin.method == "two-shot" else "contrast sweep",
            records=story.records,
            compared=story.compared,
            compared_method="contrast sweep",
            depth_of_field_um=dof_um,
            thumbnail=thumbnail,
            settings=_settings(story, profile, mosaic),
        ),
    )
    return ScanResult(slide, report, summarise(story.records, dof_um), None)


def _settings(story: Story, profile: Profile, mosaic: Mosaic) -> dict[str, str]:
    begin, prepared = story.begin, story.prepared
    assert prepared is not None, "records come after preparation"
    views = f"from {prepared.empty_views} views of empty glass" if prepared.empty_views else "none: no empty glass"
    settings = {
        "profile": f"{profile.name}: {profile.description}",
        "objective": f"{profile.objective.magnification:g}x/{profile.objective.na:g}, "
        f"depth of field {profile.optics.depth_of_field_um:.2f} um",
        "bundle": f"{begin.bundle_name}, sha256 {begin.bundle[:16]}",
        "method": begin.method,
        "network": prepared.network or "none",
        "calibration": "none" if prepared.calibration is None else prepared.calibration.line,
        "slide": f"{mosaic.width} x {mosaic.height} px of {profile.camera.pixel_um:g} um",
        "flat field": views,
        "board": story.board or "not told",
        "software": begin.software,
    }
    if profile.twin is not None:
        source = Path(begin.slide).name if begin.slide is not None else "procedural section"
        settings["emulated"] = f"seed {begin.seed}, {source}; times are those of the scanner's own virtual clock"
    else:
        settings["scanned"] = begin.time
    if story.sessions > 1:
        settings["continued"] = f"{story.sessions - 1} times; {story.moved.how or 'the stage had not moved'}"
    if not story.ended:
        done, planned = len(story.records), len(prepared.sites)
        settings["ended early"] = f"{done} of {planned} fields; {story.stopped or 'interrupted'}"
    return settings
