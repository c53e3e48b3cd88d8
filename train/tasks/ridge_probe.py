"""The linear probe of a regression: ridge regression on features, the least that any training has to reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STRENGTHS = tuple(float(strength) for strength in np.logspace(1, -5, 13))  # of the L2 penalty per sample
SAMPLES = 4096  # that it is fitted on at most


@dataclass(frozen=True, slots=True)
class RidgeProbe:
    """Features [N, D] times `weights` [D, 1] plus `bias` are predictions."""

    weights: np.ndarray
    bias: float
    strength: float

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions [N, 1]."""
        predicted: np.ndarray = features @ self.weights + self.bias
        return predicted


def fit_ridge(x: np.ndarray, y: np.ndarray, held_x: np.ndarray, held_y: np.ndarray) -> RidgeProbe:
    """Fits one model for each strength and keeps the one with the least held-out square error.

    With x = U S V^T, all of them are V S / (S^2 + N strength) U^T y (Hoerl & Kennard 1970,
    https://doi.org/10.1080/00401706.1970.10488634); V and S^2 are the eigenvectors and eigenvalues of x^T x.

    Args:
        x: float32 features [N, D] to learn from.
        y: their targets [N].
        held_x: features [M, D] to choose the strength on.
        held_y: their targets [M].
    """
    if len(x) > SAMPLES:
        rows = np.linspace(0, len(x) - 1, SAMPLES).astype(int)
        x, y = x[rows], y[rows]
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-3 * x.std() + 1e-12
    known, held = ((each - mean) / scale for each in (x, held_x))
    middle = float(y.mean())
    values, vectors = np.linalg.eigh((known.T @ known).astype(np.float64) / len(known))
    values = np.maximum(values, 0.0)
    projected = vectors.T @ (known.T @ (y - middle).astype(np.float64)) / len(known)
    tried: list[tuple[float, RidgeProbe]] = []
    for strength in STRENGTHS:
        weights = vectors @ (projected / (values + strength))
        error = float(np.square(held @ weights + middle - held_y).mean())
        by_feature = weights / scale
        probe = RidgeProbe(
            by_feature[:, np.newaxis].astype(np.float32), float(middle - mean @ by_feature), strength=strength
        )
        tried.append((error, probe))
    return min(tried, key=lambda one: one[0])[1]
