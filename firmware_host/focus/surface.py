"""The focus surface: where the next field's focus should be, from those found so far."""

from __future__ import annotations

import numpy as np

_NEIGHBOURS = 12
_OUTLIER_UM = 3.0


class FocusSurface:
    """A plane through the nearest known points, the near ones weighing more.

    :param reach_um: distance at which a point's weight has fallen to 1/e; about two fields.
    """

    def __init__(self, reach_um: float) -> None:
        self._reach_um = reach_um
        self._points: list[tuple[float, float, float]] = []

    def add(self, x_um: float, y_um: float, z_um: float) -> None:
        """A field that was found in focus at z."""
        self._points.append((x_um, y_um, z_um))

    def predict(self, x_um: float, y_um: float) -> float | None:
        """z of focus at a place, um; None while nothing is known.

        Weighted least squares of z = c + a·dx + b·dy over the nearest points, with a ridge that keeps the slopes
        small where the points do not tell them. Points that lie far off the median of their neighbours are left out.
        """
        if not self._points:
            return None
        points = np.array(self._points)
        dx, dy = points[:, 0] - x_um, points[:, 1] - y_um
        # Of equally near points the newest is the best: the frame drifts.
        order = np.argsort(np.hypot(dx, dy) - 1e-6 * np.arange(len(points)), kind="stable")[:_NEIGHBOURS]
        dx, dy, z = dx[order] / self._reach_um, dy[order] / self._reach_um, points[order, 2]
        middle = float(np.median(z))
        kept = np.abs(z - middle) <= _OUTLIER_UM + 3 * float(np.median(np.abs(z - middle)))
        dx, dy, z = dx[kept], dy[kept], z[kept] - middle
        weight = np.exp(-(dx * dx + dy * dy))
        weight /= weight.max()
        design = np.stack([np.ones_like(dx), dx, dy], axis=1)
        normal = design.T @ (design * weight[:, None]) + np.diag([1e-9, 0.01, 0.01])
        return middle + float(np.linalg.solve(normal, design.T @ (z * weight))[0])
