"""The feature explorer's map: features of many dimensions in two, so that what looks alike to the network is near.

First the principal components, then neighbours are drawn together and others pushed apart, as UMAP does (McInnes et al.
2018, https://arxiv.org/abs/1802.03426), whose curves and sampling these are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COMPONENTS = 64  # principal ones that neighbours are found by
NEIGHBOURS = 12
EPOCHS = 250
STRANGERS = 12  # that each point is pushed from in an epoch
PUSH = 5.0  # times the mean of that, against the mean pull of its neighbours
CURVE_A, CURVE_B = 1.577, 0.895  # of similarity over distance, for a least distance of 0.1
FITTED = 8192  # rows that the principal components are found with, at most
LONGEST = 4.0  # step of one point in one epoch


@dataclass(frozen=True, slots=True)
class Components:
    """The directions in which features differ most.

    Attributes:
        middle: of the features [D].
        directions: columns [D, C], the strongest first.
    """

    middle: np.ndarray
    directions: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Components:
        """The principal components of features [N, D], found on `FITTED` of them at most."""
        rows = np.linspace(0, len(features) - 1, min(len(features), FITTED)).astype(int)
        fitted = features[rows].astype(np.float64)
        middle = fitted.mean(axis=0)
        centred = fitted - middle
        if centred.shape[1] > len(centred):  # the same from the smaller of the two matrices
            _, left = np.linalg.eigh(centred @ centred.T)
            directions = centred.T @ left[:, ::-1][:, :COMPONENTS]
            directions /= np.maximum(np.linalg.norm(directions, axis=0), 1e-12)
        else:
            _, vectors = np.linalg.eigh(centred.T @ centred)
            directions = vectors[:, ::-1][:, :COMPONENTS]
        largest = directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])]
        return cls(middle.astype(np.float32), (directions * np.where(largest < 0, -1, 1)).astype(np.float32))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The coordinates [N, C] of features [N, D]."""
        placed: np.ndarray = features @ self.directions - self.middle @ self.directions
        return placed


def project(components: np.ndarray, seed: int) -> np.ndarray:
    """Places [N, 2], each coordinate from 0 to 1, for principal components [N, C]."""
    count = len(components)
    start = _unit(np.pad(components[:, :2], ((0, 0), (0, max(0, 2 - components.shape[1])))))
    if count <= NEIGHBOURS + 1:
        return start
    pairs = _neighbours(components)
    return _unit(_arranged(10 * start, pairs, np.random.default_rng(seed)))


def _neighbours(x: np.ndarray) -> np.ndarray:
    """Pairs [P, 2] of points, each with those nearest to it."""
    squares = np.square(x).sum(axis=1)
    pairs = []
    for first in range(0, len(x), 1024):
        rows = np.arange(first, min(first + 1024, len(x)))
        distances = squares[rows, np.newaxis] + squares - 2 * x[rows] @ x.T
        distances[np.arange(len(rows)), rows] = np.inf
        nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        pairs.append(np.stack([np.repeat(rows, NEIGHBOURS), nearest.ravel()], axis=1))
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def _arranged(places: np.ndarray, pairs: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draws pairs together and pushes points that are none apart, by ever shorter steps."""
    places, count = places.astype(np.float64), len(places)
    one, other = pairs.T
    degree = np.bincount(pairs.ravel(), minlength=count)[:, np.newaxis]
    for epoch in range(EPOCHS):
        apart = places[one] - places[other]
        near = np.maximum(np.square(apart).sum(axis=1, keepdims=True), 1e-6)
        drawn = -2 * CURVE_A * CURVE_B * near ** (CURVE_B - 1) / (1 + CURVE_A * near**CURVE_B) * apart
        pull = np.stack(
            [np.bincount(one, along, count) - np.bincount(other, along, count) for along in drawn.T], axis=1
        )
        gap = places[:, np.newaxis] - places[random.integers(0, count, (count, STRANGERS))]
        far = np.square(gap).sum(axis=2, keepdims=True)
        push = np.clip(2 * CURVE_B / ((0.001 + far) * (1 + CURVE_A * far**CURVE_B)) * gap, -LONGEST, LONGEST)
        step = pull / np.maximum(degree, 1) + PUSH * push.mean(axis=1)
        places += (1 - epoch / EPOCHS) * np.clip(step, -LONGEST, LONGEST)
    return places


def _unit(places: np.ndarray) -> np.ndarray:
    low, high = places.min(axis=0), places.max(axis=0)
    scaled: np.ndarray = (places - low) / np.maximum(high - low, 1e-12)
    return scaled
