"""The linear probe finds the line that there is."""

from __future__ import annotations

import numpy as np

from train.tasks.linear_probe import fit_probe


def test_it_separates_what_a_line_separates_whatever_the_scales() -> None:
    random = np.random.default_rng(1)
    y = random.integers(0, 3, 300)
    x = random.normal(size=(300, 20)).astype(np.float32)
    x[:, :3] += 6 * np.eye(3, dtype=np.float32)[y]
    x *= np.geomspace(0.01, 100, 20, dtype=np.float32)

    probe = fit_probe(x[:200], y[:200], x[200:250], y[200:250], 3)

    assert (probe.predict(x[250:]).argmax(axis=1) == y[250:]).mean() > 0.97


def test_it_is_the_solution_of_logistic_regression() -> None:
    """At the optimum the gradient of loss and penalty is zero; on a symmetric case the bias is, too."""
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]], np.float32)
    y = np.array([0, 0, 1, 1])

    probe = fit_probe(x, y, x, y, 2)

    scale = x.std() * 1.001
    weight, z = float(probe.weights[0, 1]) * scale, x[:, 0] / scale
    wrong = 1 / (1 + np.exp(2 * weight * z * np.where(y, 1, -1)))
    gradient = -(wrong * z * np.where(y, 1, -1)).mean() + probe.strength * weight
    np.testing.assert_allclose(gradient, 0, atol=2e-3)
    np.testing.assert_allclose(probe.bias, 0, atol=1e-4)


def test_features_that_are_always_zero_do_no_harm() -> None:
    x = np.zeros((8, 4), np.float32)
    x[:, 1] = [0, 0, 0, 0, 1, 1, 1, 1]
    y = np.repeat([0, 1], 4)

    assert (fit_probe(x, y, x, y, 2).predict(x).argmax(axis=1) == y).all()
