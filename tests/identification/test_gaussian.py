"""Gaussian beliefs and what observations make of them."""

from __future__ import annotations

import numpy as np

from napari_deepblur.identification.gaussian import Gaussian, Observation, prior_of, without_prior
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope

RNG = np.random.default_rng(3)


def _precision(size: int) -> np.ndarray:
    root = RNG.normal(size=(size, size))
    return root @ root.T + 0.5 * np.eye(size)


def _covariance(belief: Gaussian) -> np.ndarray:
    return belief.root @ belief.root.T


def test_conditioning_agrees_with_the_textbook() -> None:
    """Sigma' = (Sigma^-1 + sum D' P D)^-1 and mu' = Sigma' (Sigma^-1 mu + sum D' P (y - b))."""
    root, mean = RNG.normal(size=(3, 3)), RNG.normal(size=3)
    seen = [
        Observation(RNG.normal(size=(2, 3)), RNG.normal(size=2), RNG.normal(size=2), _precision(2)) for _ in range(3)
    ]
    found = Gaussian(mean, root).after(seen)
    before = np.linalg.inv(root @ root.T)
    after = np.linalg.inv(before + sum(o.design.T @ o.precision @ o.design for o in seen))
    told = sum(o.design.T @ o.precision @ (o.value - o.offset) for o in seen)
    np.testing.assert_allclose(_covariance(found), after, atol=1e-9)
    np.testing.assert_allclose(found.mean, after @ (before @ mean + told), atol=1e-9)


def test_without_observations_nothing_changes() -> None:
    belief = Gaussian(np.array([1.0, 2.0]), np.array([[1.0], [0.5]]))
    after = belief.after([])
    np.testing.assert_allclose(after.mean, belief.mean)
    np.testing.assert_allclose(_covariance(after), _covariance(belief))


def test_dividing_by_the_prior_undoes_conditioning() -> None:
    prior, prior_mean = _precision(3), RNG.normal(size=3)
    told, value = _precision(3), RNG.normal(size=3)
    posterior = prior + told
    mean = np.linalg.solve(posterior, prior @ prior_mean + told @ value)
    found, precision = without_prior(posterior, prior, mean, prior_mean)
    np.testing.assert_allclose(precision, told, atol=1e-9)
    np.testing.assert_allclose(found, value, atol=1e-8)


def test_a_posterior_that_is_no_sharper_than_the_prior_says_nothing() -> None:
    prior = _precision(3)
    _, precision = without_prior(0.9 * prior, prior, RNG.normal(size=3), RNG.normal(size=3))
    np.testing.assert_allclose(precision, 0, atol=1e-9)


def test_the_prior_has_the_moments_of_the_family() -> None:
    family = ZernikeFamily(Microscope(pixel_size_um=0.09))
    prior = prior_of(family)
    draws = family.sample(4000, 9)
    np.testing.assert_allclose(prior.mean, draws.mean(0), atol=0.01)
    np.testing.assert_allclose(prior.std, draws.std(0), rtol=0.05)


def test_draws_follow_the_belief() -> None:
    belief = Gaussian(np.array([1.0, -2.0]), np.array([[0.5, 0.0], [0.2, 0.1]]))
    draws = belief.draw(20000, seed=1)
    np.testing.assert_allclose(draws.mean(0), belief.mean, atol=0.02)
    np.testing.assert_allclose(np.cov(draws.T), _covariance(belief), atol=0.01)
    np.testing.assert_allclose(belief.std, np.sqrt(np.diag(_covariance(belief))))
