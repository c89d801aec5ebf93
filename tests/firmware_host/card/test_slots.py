"""Two systems on a card: whatever happens in an update, the firmware finds one that starts."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from firmware_host.card.slots import FILE, PARTITIONS, SECTOR_BYTES, TRY_ONCE, Choice, Slot, Slots, answer, parsed
from firmware_host.errors import UsageError


class Board:
    """A Raspberry Pi's firmware, as its documentation has it, and a system that starts."""

    def __init__(self, folder: Path) -> None:
        self.config, self.reboot = folder, folder / "reboot-param"
        (folder / FILE).write_bytes(Choice().text)
        (folder / "cmdline").write_text("console=tty1 rauc.slot=A root=PARTLABEL=root-a\n")
        self.slots = Slots(folder, self.reboot, folder / "cmdline")

    def restarts(self, power_cut: bool = False) -> Slot:
        """Which system runs then. After a power cut nothing is left of what the kernel was to be told."""
        tries = not power_cut and self.reboot.exists() and self.reboot.read_text() == TRY_ONCE
        self.reboot.unlink(missing_ok=True)
        text = (self.config / FILE).read_text()
        everywhere, tried = re.split(r"^\[tryboot\]$", text, flags=re.MULTILINE)
        number = int(re.findall(r"^boot_partition=(\d)$", tried if tries else everywhere, re.MULTILINE)[0])
        return next(slot for slot, partition in PARTITIONS.items() if partition == number)

    def installs(self, slot: Slot) -> None:
        """As RAUC does."""
        self.slots.set_state(slot, "bad")
        self.slots.set_primary(slot)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_a_new_system_is_tried_and_stays_when_it_is_good(board: Board) -> None:
    assert board.restarts() == "A"
    for slot in ("B", "A", "B"):
        board.installs(slot)  # type: ignore[arg-type]
        assert board.slots.primary() == slot
        assert board.restarts() == slot
        board.slots.set_state(slot, "good")  # type: ignore[arg-type]
        assert [board.restarts(), board.restarts(power_cut=True)] == [slot, slot]


def test_a_new_system_that_does_not_come_up_is_followed_by_the_old_one(board: Board) -> None:
    board.installs("B")
    assert board.restarts() == "B"
    assert board.restarts(power_cut=True) == "A"
    assert board.restarts() == "A"


def test_an_update_that_was_not_tried_yet_outlasts_no_power_cut_and_can_be_tried_again(board: Board) -> None:
    board.installs("B")
    assert board.restarts(power_cut=True) == "A"
    board.slots.set_primary("B")
    assert board.restarts() == "B"


def test_a_system_that_is_being_written_is_bad(board: Board) -> None:
    board.slots.set_state("B", "bad")
    assert (board.slots.state("A"), board.slots.state("B")) == ("good", "bad")
    assert board.restarts() == "A"


def test_a_default_that_turns_bad_gives_way_to_a_good_one_only(board: Board) -> None:
    board.slots.set_state("A", "bad")
    assert board.restarts() == "B"
    board.slots.set_state("B", "bad")
    assert board.restarts() == "B", "the last one is tried all the same"


def test_going_back_to_the_default_tries_nothing(board: Board) -> None:
    board.installs("B")
    board.slots.set_primary("A")
    assert board.restarts() == "A"


@pytest.mark.parametrize("default", ["A", "B"])
def test_whatever_is_chosen_is_read_as_it_was_written_and_fits_a_sector(default: Slot) -> None:
    for tried, bad in itertools.product((None, "A", "B"), ("", "A", "B", "AB")):
        choice = Choice(default, tried, frozenset(bad))  # type: ignore[arg-type]
        assert len(choice.text) == SECTOR_BYTES
        assert parsed(choice.text) == choice


def test_a_file_is_written_in_place(board: Board) -> None:
    """A new one under the same name would change a folder's sectors too, and those of the FAT."""
    before = (board.config / FILE).stat().st_ino
    board.installs("B")
    assert (board.config / FILE).stat().st_ino == before


def test_rauc_is_answered(board: Board) -> None:
    asked = ["get-primary", "set-state B bad", "get-state B", "set-primary B", "get-primary", "get-state B"]
    assert [answer(board.slots, each.split()) for each in asked] == ["A", "", "bad", "", "B", "good"]
    assert answer(board.slots, ["get-current"]) == "A"


def test_a_kernel_that_names_no_system_is_none_of_a_card(board: Board) -> None:
    (board.config / "cmdline").write_text("root=/dev/sda1 rauc.slot=C\n")
    with pytest.raises(UsageError, match="is this a flashed card"):
        answer(board.slots, ["get-current"])


@pytest.mark.parametrize("arguments", ["", "get-primary A", "set-primary C", "set-state A new", "get-current A"])
def test_what_rauc_does_not_ask_is_refused(board: Board, arguments: str) -> None:
    with pytest.raises(UsageError, match="boot slots"):
        answer(board.slots, arguments.split())


@pytest.mark.parametrize("text", [b"", b"[all]\nboot_partition=2\n", Choice().text.replace(b"=3", b"=2")])
def test_another_file_is_left_as_it_is(board: Board, text: bytes) -> None:
    (board.config / FILE).write_bytes(text)
    with pytest.raises(UsageError, match="write the card again"):
        board.slots.set_primary("B")
    assert (board.config / FILE).read_bytes() == text
