"""Scripts of faults: what is read, what is refused and how, and what chance writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_host.errors import UsageError
from firmware_host.twin.faults.catalogue import catalogue
from firmware_host.twin.faults.draw import RANGES, Chances, draw_script
from firmware_host.twin.faults.fault import Counted, Fault
from firmware_host.twin.faults.kinds import KINDS, FrameBlack, LostSteps, PenMark, StuckLimitSwitch
from firmware_host.twin.faults.script import read_script, script_text

SCRIPT = """
[[fault]]
kind = "frame-black"
at_s = 12.5
for_s = 0.4

[[fault]]
kind = "lost-steps"
axis = "y"
at_count = 900
steps = 32

[[fault]]
kind = "pen-mark"
x_um = 4000
y_um = 3000.5
"""
REGION_UM = (100.0, 200.0, 900.0, 1200.0)


def written(folder: Path, text: str) -> Path:
    path = folder / "faults.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_script_is_read_in_its_order(tmp_path: Path) -> None:
    assert read_script(written(tmp_path, SCRIPT)) == (
        FrameBlack(at_s=12.5, for_s=0.4),
        LostSteps(axis="y", at_count=900, steps=32),
        PenMark(x_um=4000, y_um=3000.5),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[fault]\n", "not valid TOML"),
        ("", "no table [[fault]]"),
        ("fault = 3", "no table [[fault]]"),
        ("fault = []", "no table [[fault]]"),
        ("fault = [7]", "fault 1: kind = None is not known; known are blank-slide, "),
        ("seed = 1\n" + SCRIPT, "'seed' is not known"),
        (SCRIPT + '[[fault]]\nkind = "frame-lost"', "fault 4: kind = 'frame-lost' is not known; known are "),
        (SCRIPT + "[[fault]]\nat_s = 1", "fault 4: kind = None"),
        ('[[fault]]\nkind = ["frame-black"]', "fault 1: kind = ['frame-black'] is not known"),
        ('[[fault]]\nkind = "frame-black"', "fault 1 (frame-black): give at_s or at_count"),
        ('[[fault]]\nkind = "frame-black"\nat_s = 1\nat_count = 1', "give at_s or at_count"),
        ('[[fault]]\nkind = "frame-black"\nat_s = 1\nfor_s = 1\ntimes = 1', "give for_s or times, not both"),
        ('[[fault]]\nkind = "frame-black"\nat_s = -1', "at_s = -1"),
        ('[[fault]]\nkind = "frame-black"\nat_s = 1\nfor_s = 0', "(allowed: above 0 to 1e+06)"),
        ('[[fault]]\nkind = "frame-black"\nat_s = "1"', "at_s = '1'"),
        ('[[fault]]\nkind = "frame-black"\nat_count = 1.5', "at_count = 1.5"),
        ('[[fault]]\nkind = "frame-black"\nat_s = nan', "at_s = nan"),
        ('[[fault]]\nkind = "frame-half"\nat_s = 1\nshare = 2', "share = 2: input should be less than"),
        ('[[fault]]\nkind = "frame-half"\nat_s = 1\nshare = 2', "(allowed: 0.05 to 0.95)"),
        ('[[fault]]\nkind = "frame-half"\nat_s = 1\nrest = "white"', "'black' or 'before'"),
        ('[[fault]]\nkind = "vibration"\nat_s = 1\naxis = "x"\num = 1', "hz is missing (allowed: 0.1 to 500)"),
        ('[[fault]]\nkind = "limit-hit"\nat_s = 1\naxis = "w"', "'x', 'y' or 'z'"),
        ('[[fault]]\nkind = "z-slips"\nat_s = 1\nfor_s = 2', "for_s is not a key of it; it has at_s, um"),
        ('[[fault]]\nkind = "blank-slide"\nat_s = 2', "at_s is not a key of it; it has none"),
        ('[[fault]]\nkind = "blank-slide"\n' * 10_001, "10000 at most"),
    ],
)
def test_a_script_that_is_not_understood_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        read_script(path)
    line = str(refused.value)
    assert line.startswith(f"faults {path}: ")
    assert message in line
    assert "\n" not in line


def test_a_script_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.toml", tmp_path, binary):
        with pytest.raises(UsageError, match="cannot be read"):
            read_script(path)


def chances(kinds: list[str], count: int = 1) -> Chances:
    return Chances(kinds, count, (5.0, 60.0), REGION_UM)


@given(seed=st.integers(0, 2**32), kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_drawn_script_can_be_written_and_reads_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kinds: list[str]
) -> None:
    faults = draw_script(seed, chances(kinds, 8))
    assert read_script(written(tmp_path_factory.mktemp("script"), script_text(faults))) == faults
    assert {fault.kind for fault in faults} <= set(kinds)


def test_same_seed_same_script_another_seed_another_one() -> None:
    every = chances(list(KINDS), 20)
    assert draw_script(3, every) == draw_script(3, every)
    assert draw_script(3, every) != draw_script(4, every)


@pytest.mark.parametrize("kind", KINDS)
def test_chance_stays_within_what_it_was_given(kind: str) -> None:
    for fault in draw_script(1, chances([kind], 40)):
        for key, within in RANGES[kind].items():
            value = getattr(fault, key)
            if isinstance(within, list):
                assert value in within
            else:
                assert within[0] <= value <= within[1]
        assert _in_time(fault)
        if hasattr(fault, "x_um"):
            assert REGION_UM[0] <= fault.x_um <= REGION_UM[2]
            assert REGION_UM[1] <= fault.y_um <= REGION_UM[3]


def _in_time(fault: Fault) -> bool:
    at_s = getattr(fault, "at_s", None)
    if isinstance(fault, StuckLimitSwitch) and fault.reads == "open":
        return at_s == 0
    return (at_s is None and not isinstance(fault, Counted)) or 5.0 <= at_s <= 60.0  # type: ignore[operator]


def test_chance_reaches_all_words_and_whole_numbers() -> None:
    drawn = draw_script(1, chances(["frame-stale"], 200))
    assert {(fault.age, fault.stamp) for fault in drawn} == {  # type: ignore[attr-defined]
        (age, stamp) for age in (1, 2, 3, 4, 5) for stamp in ("old", "fresh")
    }


def test_chance_spreads_what_spans_decades_by_its_logarithm() -> None:
    for_s = sorted(fault.for_s for fault in draw_script(1, chances(["camera-lost"], 200)))  # type: ignore[attr-defined]
    assert 5 < for_s[100] < 12, "1 to 60 s: half of them below 8"


def test_an_unknown_kind_is_not_drawn() -> None:
    with pytest.raises(UsageError, match="'frame-lost' is not known"):
        draw_script(1, chances(["frame-lost"]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_says_in_a_line_what_happens(kind: str) -> None:
    line = KINDS[kind].__doc__
    assert line
    assert line.strip().endswith(".")
    assert "\n" not in line.strip()
    assert kind.replace("-", "") == KINDS[kind].__name__.lower()


def test_the_catalogue_holds_every_kind_once_with_when_and_what_else() -> None:
    rows = {kind: rest for kind, *rest in catalogue()}
    assert list(rows) == list(KINDS)
    assert rows["frame-half"] == [
        "The lower rows of a frame did not arrive: they are black, or those of the frame before.",
        "`at_s`, or `at_count` (exposures); `for_s` or `times`, else once",
        "`share` (0.05 to 0.95) = 0.5: of the rows that are missing; `rest` (black, before) = black",
    ]
    assert rows["vibration"][1:] == [
        "`at_s`; `for_s`, else for ever",
        "`axis` (x, y, z); `um` (0.01 to 50): amplitude; `hz` (0.1 to 500)",
    ]
    assert rows["blank-slide"][1:] == ["from the beginning", ""]
