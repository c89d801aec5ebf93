"""The layers that answer: from spectra, what the backbone saw, and the code of scanner and slide, to a move."""

from __future__ import annotations

from torch import Tensor, nn

from firmware_host.patches import OPTICS_CODE


class Judge(nn.Module):
    """A layer that the code shifts and scales, a few more that each add to what came before, and the answer.

    Shift and scale by what is known of the case: Perez et al., FiLM, AAAI 2018. An unknown code, 0, changes nothing.

    forward: `seen` (N, features), `code` (N, OPTICS_CODE + code) or one for all, or None -> (N, 1).

    :param width: of the layers; :param layers: how many follow the first one.
    :param code: numbers that a calibration gives; 0: the network is told nothing.
    """

    def __init__(self, features: int, width: int, layers: int, code: int) -> None:
        super().__init__()
        self.first = nn.Linear(features, width)
        known = OPTICS_CODE + code if code else 0
        self.shift = nn.Linear(known, width, bias=False) if known else None
        self.scale = nn.Linear(known, width, bias=False) if known else None
        self.bend = nn.Hardswish()
        self.more = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.answer = nn.Linear(width, 1)

    def forward(self, seen: Tensor, code: Tensor | None) -> Tensor:
        hidden = self.first(seen)
        if self.shift is not None and self.scale is not None and code is not None:
            hidden = hidden * (1 + self.scale(code)) + self.shift(code)
        hidden = self.bend(hidden)
        for layer in self.more:
            hidden = hidden + self.bend(layer(hidden))
        answer: Tensor = self.answer(hidden)
        return answer
