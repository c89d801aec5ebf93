"""What defocus does to detail of each size: the spectra of a pair of patches, averaged over directions.

The ratio of two frames' spectra is the ratio of the objective's transfer at two heights, whatever the tissue; a
network that is handed it need not find it among pixels. The stage does not rise straight, so the second frame lies a
little beside the first; their correlation is taken where they match best. Matrix products and elementwise functions
only, so that every runtime takes the graph.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_FLOOR = 1e-9  # of the power of both frames: below the noise of any camera
_BANDS = (6 / 128, 12 / 128, 20 / 128)  # cycles per pixel up to which each step of the alignment looks


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
        half = place[1 : size_px // 2 + 1]
        down = 2 * math.pi / size_px * wave_down[:, None] * half
        once = torch.where(2 * half == size_px, 0.5, 1.0)  # the row in the middle is its own opposite
        self._highest = len(wave_across) - 1
        self._bands = [min(max(2, round(band * size_px)), self._highest) for band in _BANDS]
        tables = {
            "window": window[:, None] * window,
            # (P, 2W): real and imaginary parts of a row's half spectrum, the W lowest waves, side by side
            "across": torch.cat([torch.cos(across), -torch.sin(across)], 1),
            # (H, P): the H lowest waves of both signs down a column, of its even part and of its odd part
            "down": torch.cat([once * torch.cos(down), torch.sin(down)], 1),
            "rings": _folded(_rings(size_px), len(wave_across)),
            # (2H, W) waves in radians per pixel, those down the patch above those across
            "waves": 2 * math.pi / size_px * torch.cat(torch.meshgrid(wave_down, wave_across, indexing="ij")),
        }
        for name, table in tables.items():
            self.register_buffer(name, table.float(), persistent=False)
        # Rows from the last one up, as the second row's opposite is the last.
        opposite = torch.arange(size_px - 1, size_px - 1 - size_px // 2, -1)
        self.register_buffer("opposite", opposite, persistent=False)
        self.register_buffer("upwards", torch.arange(self._highest, -1, -1), persistent=False)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        own, other = self._spectrum(torch.cat([first, second])).chunk(2)
        products = torch.cat([_real(own * own), _real(other * other), self._aligned(own, other)])
        *power, product = self._by_ring(products).chunk(3)
        total = (power[0] + power[1]).sum(1, keepdim=True) + _FLOOR
        logs = [torch.log(part / total + _FLOOR) for part in power]
        correlation = product / torch.sqrt(power[0] * power[1] + (_FLOOR * total) ** 2)
        return torch.cat([*logs, logs[1] - logs[0], correlation], 1)

    def _spectrum(self, patch: Tensor) -> Tensor:
        """(N, 2H, W): real parts above imaginary ones."""
        mean = (patch * self.window).sum((2, 3), keepdim=True) / self.window.sum()
        rows = torch.matmul(((patch - mean) * self.window).squeeze(1), self.across)
        half = rows.shape[1] // 2  # the first row is 0, as the window is
        upper, lower = rows[:, 1 : half + 1], rows.index_select(1, self.opposite)
        (even_re, even_im), (odd_re, odd_im) = (upper + lower).chunk(2, 2), (upper - lower).chunk(2, 2)
        parts = torch.stack([torch.cat([even_re, odd_im], 1), torch.cat([even_im, -odd_re], 1)], 1)
        return torch.matmul(self.down, parts).flatten(1, 2)

    def _aligned(self, own: Tensor, other: Tensor) -> Tensor:
        """(N, H, W) real part of the cross spectrum, with the second patch moved to where it matches the first.

        A shift turns each wave's phase in proportion to its frequency; defocus turns it by half a turn or not at all.
        So the doubled phase is fitted, by Gauss-Newton from low waves to high ones, weighted by magnitude.
        """
        real = _real(own * other)
        (re, im), (other_re, other_im) = own.chunk(2, 1), other.chunk(2, 1)
        imaginary = im * other_re - re * other_im
        shift = torch.zeros_like(real[:, :2, :1, None])
        for low in self._bands:
            near = slice(self._highest - low, self._highest + low + 1)
            waves = torch.stack([part[near, : low + 1] for part in self.waves.chunk(2)])
            cosine, sine = _turned(real[:, near, : low + 1], imaginary[:, near, : low + 1], waves, shift)
            size = torch.sqrt(cosine * cosine + sine * sine + 1e-12)[:, None]
            slope = (waves * (2 * cosine * sine)[:, None] / size).sum((2, 3), keepdim=True)
            bend = 2 * (waves * waves * size).sum((2, 3), keepdim=True)
            shift = shift + slope / (bend + 1e-12)
        return _turned(real, imaginary, torch.stack(self.waves.chunk(2)), shift)[0]

    def _by_ring(self, power: Tensor) -> Tensor:
        """(N, H, W) -> the mean over each ring; waves of both signs down the patch lie in the same one."""
        folded = power[:, self._highest :] + power.index_select(1, self.upwards)
        return torch.matmul(folded.flatten(1), self.rings)


def _real(product: Tensor) -> Tensor:
    """(N, 2H, W) products of real parts and of imaginary ones -> their sum, (N, H, W)."""
    above, below = product.chunk(2, 1)
    return above + below


def _turned(real: Tensor, imaginary: Tensor, waves: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """(N, H, W) complex numbers with the phase of a shift taken off; waves (2, H, W), shift (N, 2, 1, 1) pixels."""
    phase = (waves * shift).sum(1)
    cosine, sine = torch.cos(phase), torch.sin(phase)
    return real * cosine + imaginary * sine, imaginary * cosine - real * sine


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


def _folded(rings: Tensor, across: int) -> Tensor:
    """The rows of the waves whose sign down the patch is not negative, for sums of both signs."""
    half = rings.reshape(-1, across, rings.shape[1])[across - 1 :].clone()
    half[0] /= 2  # without a sign: it is added to itself
    return half.flatten(0, 1)
