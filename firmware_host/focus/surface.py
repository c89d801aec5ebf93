"""The focus surface: where the next field's focus should be, from those found so far."""

from __future__ import annotations

import numpy as np

_NEIGHBOURS = 12
_ROOM = 256  # points to begin with
_OUTLIER_UM = 3.0


class FocusSurface:
    """A plane through the nearest known points, the near ones weighing more.

    :param reach_um: distance at which a point's weight has fallen to 1/e; about two fields.
    """

    def __init__(self, reach_um: float) -> None:
        self._reach_um = reach_um
        self._points = np.empty((_ROOM, 3))
        self._count = 0

    def add(self, x_um: float, y_um: float, z_um: float) -> None:
        """A field that was found in focus at z."""
        if self._count == len(self._points):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
        self._points[self._count] = x_um, y_um, z_um
        self._count += 1

    def predict(self, x_um: float, y_um: float) -> float | None:
        """z of focus at a place, um; None while nothing is known.

        Weighted least squares of z = c + a·dx + b·dy over the nearest points, with a ridge that keeps the slopes
        small where the points do not tell them. Points that lie far off the median of their neighbours are left out.
        """
        if not self._count:
            return None
        points = self._points[: self._count]
        dx, dy = points[:, 0] - x_um, points[:, 1] - y_um
        # Of equally near points the newest is the best: the frame drifts.
        distance = np.hypot(dx, dy) - 1e-6 * np.arange(self._count)
        near = np.argpartition(distance, min(_NEIGHBOURS, self._count) - 1)[:_NEIGHBOURS]
        order = near[np.argsort(distance[near], kind="stable")]
        dx, dy, z = dx[order] / self._reach_um, dy[order] / self._reach_um, points[order, 2]
        middle = float(np.median(z))
        kept = np.abs(z - middle) <= _OUTLIER_UM + 3 * float(np.median(np.abs(z - middle)))
        dx, dy, z = dx[kept], dy[kept], z[kept] - middle
        weight = np.exp(-(dx * dx + dy * dy))
        weight /= weight.max()
        design = np.stack([np.ones_like(dx), dx, dy], axis=1)
        normal = design.T @ (design * weight[:, None]) + np.diag([1e-9, 0.01, 0.01])
        return middle + float(np.linalg.solve(normal, design.T @ (z * weight))[0])
