"""What defocus does to detail of each size: the spectra of a pair of patches, averaged over directions.

The ratio of two frames' spectra is the ratio of the objective's transfer at two heights, whatever the tissue; a
network that is handed it need not find it among pixels. Matrix products only, so that every runtime takes the graph.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_FLOOR = 1e-9  # of the power of both frames: below the noise of any camera


class RadialSpectra(nn.Module):
    """Two patches of contrast to numbers per ring of spatial frequency.

    forward: `first`, `second` (N, 1, P, P), mean 0, in units of their common contrast -> (N, 4 · rings): log power of
    the first and of the second, the log of their ratio, and their correlation (-1 to 1), from low frequency to high.

    :param size_px: P. Rings are one cycle per patch wide up to 20 cycles, two beyond, up to 5/16 of the sampling: at
        the rule's sampling half of the objective's cutoff. Little of what lies beyond is above the noise.
    """

    def __init__(self, size_px: int) -> None:
        super().__init__()
        self.features = 4 * _rings(size_px).shape[1]
        place = torch.arange(size_px, dtype=torch.float64)
        window = 0.5 - 0.5 * torch.cos(2 * math.pi * place / size_px)
        wave_down, wave_across = _waves(size_px)
        across = 2 * math.pi / size_px * place[:, None] * wave_across
        down = 2 * math.pi / size_px * wave_down[:, None] * place
        cosine, sine = torch.cos(down), torch.sin(down)
        tables = {
            "window": window[:, None] * window,
            # (P, 2W): real and imaginary parts of a row's half spectrum, the W lowest waves, side by side
            "across": torch.cat([torch.cos(across), -torch.sin(across)], 1),
            # (2H, 2P): the same of each column, the H lowest waves of both signs, one below the other
            "down": torch.cat([torch.cat([cosine, sine], 1), torch.cat([-sine, cosine], 1)], 0),
            "rings": _rings(size_px),
        }
        for name, table in tables.items():
            self.register_buffer(name, table.float(), persistent=False)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        own, other = self._spectrum(torch.cat([first, second])).chunk(2)
        *power, product = self._by_ring(torch.cat([own * own, other * other, own * other])).chunk(3)
        total = (power[0] + power[1]).sum(1, keepdim=True) + _FLOOR
        logs = [torch.log(part / total + _FLOOR) for part in power]
        correlation = product / torch.sqrt(power[0] * power[1] + (_FLOOR * total) ** 2)
        return torch.cat([*logs, logs[1] - logs[0], correlation], 1)

    def _spectrum(self, patch: Tensor) -> Tensor:
        """(N, 2H, W): real parts above imaginary ones."""
        mean = (patch * self.window).sum((2, 3), keepdim=True) / self.window.sum()
        rows = torch.matmul(((patch - mean) * self.window).squeeze(1), self.across)
        half = self.across.shape[1] // 2
        return torch.matmul(self.down, torch.cat([rows[:, :, :half], rows[:, :, half:]], 1))

    def _by_ring(self, power: Tensor) -> Tensor:
        """Mean over each ring of what the real and imaginary parts add up to."""
        size = power.shape[1] // 2
        return torch.matmul((power[:, :size] + power[:, size:]).flatten(1), self.rings)


def _waves(size_px: int) -> tuple[Tensor, Tensor]:
    """(H,) and (W,) cycles per patch that are looked at: of both signs down the patch, of one across."""
    highest = size_px * 5 // 16
    return torch.arange(-highest, highest + 1, dtype=torch.float64), torch.arange(highest + 1, dtype=torch.float64)


def _rings(size_px: int) -> Tensor:
    """(H · W, rings) weights that average a half spectrum over rings; the columns add up to 1."""
    down, across = _waves(size_px)
    narrow = min(20, len(across) - 1)
    edges = torch.tensor([*range(narrow), *range(narrow + 1, len(across), 2)], dtype=torch.float64) + 0.5
    ring = torch.bucketize(torch.hypot(down[:, None], across).flatten(), edges) - 1
    rings = torch.zeros(len(ring), len(edges) - 1, dtype=torch.float64)
    inside = (ring >= 0) & (ring < rings.shape[1])
    rings[torch.nonzero(inside).flatten(), ring[inside]] = 1
    return rings / rings.sum(0)
