"""The learning kernels beside scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import NearestNeighbors

import gomp as multiprocessing
from gomp import KernelError, kernels


def blobs(n: int = 300, d: int = 3, seed: int = 1) -> Any:
    """Return points around three places."""
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)) + 4 * random.integers(0, 3, size=(n, 1))


def test_kmeans_steps_lead_to_the_centres_of_scikit_learn() -> None:
    points = blobs()
    theirs = KMeans(3, init=points[:3], n_init=1, algorithm="lloyd", tol=0, max_iter=50).fit(points)
    centres = points[:3]
    with multiprocessing.Pool(2) as pool:
        for _ in range(50):
            parts = pool.starmap(kernels.kmeans_step, [(chunk, centres) for chunk in np.array_split(points, 4)])
            sums, counts = sum(p[0] for p in parts), sum(p[1] for p in parts)
            centres = sums / counts[:, None]
    np.testing.assert_allclose(centres, theirs.cluster_centers_, rtol=1e-10)
    np.testing.assert_array_equal(np.concatenate([p[2] for p in parts]), theirs.labels_)
    assert sum(p[3] for p in parts) == pytest.approx(theirs.inertia_)


def test_kmeans_of_no_points() -> None:
    sums, counts, labels, inertia = kernels.kmeans_step(np.empty((0, 2)), np.zeros((3, 2)))
    assert (sums.tolist(), counts.tolist(), labels.tolist(), inertia) == ([[0, 0]] * 3, [0, 0, 0], [], 0)


def test_kmeans_refuses_nan() -> None:
    with pytest.raises(KernelError, match="points must be finite: element 1, in C order, is NaN"):
        kernels.kmeans_step(np.array([[0.0, np.nan]]), np.zeros((1, 2)))


def test_logistic_epochs_lead_to_the_weights_of_scikit_learn() -> None:
    random = np.random.default_rng(2)
    features = random.normal(size=(400, 3))
    targets = (features @ [1.0, -2.0, 0.5] + 0.3 + random.logistic(size=400) > 0).astype(float)
    l2 = 0.05
    theirs = LogisticRegression(C=1 / (400 * l2), tol=1e-10, max_iter=1000).fit(features, targets)
    expected = np.append(theirs.coef_, theirs.intercept_)

    weights = np.zeros(4)
    for _ in range(400):
        weights, loss = kernels.logistic_epoch(features, targets, weights, 1.0, l2, 400, 0)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    assert loss == pytest.approx(log_loss(targets, theirs.predict_proba(features)), abs=1e-6)

    weights = np.zeros(4)
    for epoch in range(60):
        weights, _ = kernels.logistic_epoch(features, targets, weights, 0.5 / (1 + epoch), l2, 16, epoch)
    np.testing.assert_allclose(weights, expected, atol=0.02)


@pytest.mark.parametrize("k", [1, 5, 200])
def test_knn_finds_the_neighbours_of_scikit_learn(k: int) -> None:
    train, queries = blobs(200, 6), blobs(50, 6, seed=3)
    distances, indices = NearestNeighbors(n_neighbors=k, algorithm="kd_tree").fit(train).kneighbors(queries)
    ours, away = kernels.knn(np.asfortranarray(train), queries[::-1], k)
    np.testing.assert_array_equal(ours[::-1], indices)
    np.testing.assert_allclose(away[::-1], distances)


def test_knn_of_no_queries() -> None:
    indices, distances = kernels.knn(np.zeros((4, 2)), np.empty((0, 2)), 3)
    assert indices.shape == distances.shape == (0, 3)


DOCUMENTS = [
    "The quick brown fox jumps over the lazy dog; the dog sleeps.",
    "A dog's life: don't wake it!",
    "",
    "x 12 3 _y état ÉTAT naïve straße Ⅷ ½½ x² 中文字",
    "ΟΔΥΣΣΕΥΣ ΔΣ\u00adΔ ΔΣ\u0301 Δ'Σ' ΣΣ İSTANBUL e\u0301te",
    " ".join(chr(c) * 2 + chr(c) + "a" for c in range(0x20, 0x530)),
]


def test_tfidf_is_that_of_scikit_learn() -> None:
    vectorizer = TfidfVectorizer()
    expected = vectorizer.fit_transform(DOCUMENTS)
    vocabulary, data, indices, indptr = kernels.tfidf(DOCUMENTS)
    assert vocabulary == vectorizer.get_feature_names_out().tolist()
    matrix = scipy.sparse.csr_matrix((data, indices, indptr), (len(DOCUMENTS), len(vocabulary)))
    assert matrix.has_canonical_format
    np.testing.assert_allclose(matrix.toarray(), expected.toarray(), rtol=1e-12)


def test_tfidf_of_nothing() -> None:
    vocabulary, data, indices, indptr = kernels.tfidf([])
    assert (vocabulary, len(data), len(indices), indptr.tolist()) == ([], 0, 0, [0])
