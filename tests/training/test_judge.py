"""The layers that answer, and what the code does to them."""

from __future__ import annotations

import pytest
import torch

from firmware_host.patches import OPTICS_CODE
from training.judge import Judge

CODE = 3


@pytest.fixture
def judge() -> Judge:
    torch.manual_seed(0)
    return Judge(features=5, width=8, layers=2, code=CODE).eval()


@pytest.fixture
def seen() -> torch.Tensor:
    return torch.randn(7, 5, generator=torch.Generator().manual_seed(1))


def test_an_unknown_code_is_as_none(judge: Judge, seen: torch.Tensor) -> None:
    assert torch.equal(judge(seen, torch.zeros(OPTICS_CODE + CODE)), judge(seen, None))


def test_one_code_for_all_is_as_one_for_each(judge: Judge, seen: torch.Tensor) -> None:
    code = torch.linspace(-1, 1, OPTICS_CODE + CODE)
    assert torch.allclose(judge(seen, code), judge(seen, code.expand(7, -1)), atol=1e-6)


@pytest.mark.parametrize("at", range(OPTICS_CODE + CODE))
def test_every_number_of_the_code_counts(judge: Judge, seen: torch.Tensor, at: int) -> None:
    code = torch.zeros(OPTICS_CODE + CODE)
    code[at] = 0.5
    assert (judge(seen, code) - judge(seen, None)).abs().max() > 1e-3


def test_the_code_scales_what_is_seen_and_does_not_only_shift_it(judge: Judge, seen: torch.Tensor) -> None:
    assert judge.shift is not None
    torch.nn.init.zeros_(judge.shift.weight)
    code = torch.full((OPTICS_CODE + CODE,), 0.5)
    torch.nn.init.zeros_(judge.first.bias)
    assert torch.equal(judge(torch.zeros(1, 5), code), judge(torch.zeros(1, 5), None))
    assert (judge(seen, code) - judge(seen, None)).abs().max() > 1e-3


def test_without_layers_or_code_it_still_answers(seen: torch.Tensor) -> None:
    plain = Judge(features=5, width=8, layers=0, code=0).eval()
    assert plain(seen, None).shape == (7, 1)
