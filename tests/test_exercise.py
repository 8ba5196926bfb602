"""The playground's exercise: its data are as specified, and its models what its page says."""

import numpy as np
import playground
import playground_data
import pytest
from sklearn.linear_model import Lasso, Ridge

import sparsecross as sx

SEEDS = range(4)
N = 100_000  # points, where a law is measured


def _draw(generator, noise, n=N, seed=0):
    return generator(n, noise, np.random.default_rng(seed))


@pytest.mark.parametrize("dataset", playground_data.DATASETS)
@pytest.mark.parametrize("noise", [0, 50])
def test_a_sample_is_split_as_the_sliders_say(dataset, noise):
    drawn = playground_data.sample(dataset, 3, noise=noise, share=30)
    assert drawn.points.shape == (500, 2)
    assert set(drawn.labels) == {-1.0, 1.0}
    (X, y), (X_test, y_test) = drawn.train, drawn.test
    assert X.shape == (150, 7)
    assert X_test.shape == (350, 7)
    np.testing.assert_array_equal(np.concatenate([y, y_test]), drawn.labels)
    np.testing.assert_array_equal(np.vstack([X, X_test])[:, :2], drawn.points)
    assert np.abs(y.mean()) < 0.5  # shuffled: the first points are of both labels
    again = playground_data.sample(dataset, 3, noise=noise, share=30)
    np.testing.assert_array_equal(again.points, drawn.points)


def test_the_seven_features():
    (found,) = playground_data.features(np.array([[2.0, -3.0]]))
    np.testing.assert_allclose(found, [2, -3, 4, 9, -6, np.sin(2), -np.sin(3)])


def test_noise_of_xor_moves_labels_only():
    points, labels = _draw(playground_data.xor, 0.0)
    assert np.abs(points).min() >= 0.3
    assert 5.29 < np.abs(points).max() <= 5.3
    np.testing.assert_array_equal(labels, np.sign(points[:, 0] * points[:, 1]))
    noisy_points, noisy = _draw(playground_data.xor, 0.5)
    np.testing.assert_array_equal(noisy_points, points)
    # With e ~ U(-2.5, 2.5) a point at distance d of an axis, 0.3 to 5.3, keeps its side with
    # probability (1 + min(d / 2.5, 1)) / 2; `side` is the mean of that minimum.
    kept = np.mean(noisy == labels)
    side = (np.square(2.5) - np.square(0.3)) / (2 * 2.5 * 5) + (5.3 - 2.5) / 5
    assert kept == pytest.approx((1 + side**2) / 2, abs=4 * np.sqrt(0.25 / N))


def test_noise_of_the_circle_moves_labels_only():
    points, labels = _draw(playground_data.circle, 0.0)
    radius = np.hypot(*points.T)
    assert radius.max() <= 5
    assert not ((radius > 2.5) & (radius < 3.5)).any()
    np.testing.assert_array_equal(labels, np.where(radius < 2.5, 1, -1))
    assert labels.sum() == 0
    # Radii, and not areas, are uniform.
    assert radius[labels > 0].mean() == pytest.approx(1.25, abs=4 * 2.5 / np.sqrt(12 * N / 2))
    assert radius[labels < 0].mean() == pytest.approx(4.25, abs=4 * 1.5 / np.sqrt(12 * N / 2))
    noisy_points, noisy = _draw(playground_data.circle, 0.5)
    np.testing.assert_array_equal(noisy_points, points)
    # The share that is seen within 2.5, by the midpoint rule over radius, angle and both moves.
    middle = (np.arange(40) + 0.5) / 40
    for label, low, high in ((1, 0, 2.5), (-1, 3.5, 5)):
        r, t, e1, e2 = np.ix_(low + (high - low) * middle, *[middle] * 3)
        x1, x2 = r * np.sin(2 * np.pi * t), r * np.cos(2 * np.pi * t)
        seen = np.mean((x1 + 5 * e1 - 2.5) ** 2 + (x2 + 5 * e2 - 2.5) ** 2 < 2.5**2)
        assert np.mean(noisy[labels == label] > 0) == pytest.approx(
            seen, abs=4 * np.sqrt(0.25 / (N / 2)) + 1e-3
        )


@pytest.mark.parametrize(("noise", "variance"), [(0.0, 0.5), (0.25, 2.25), (0.5, 4.0)])
def test_noise_of_the_gaussians_is_their_variance(noise, variance):
    points, labels = _draw(playground_data.gaussians, noise)
    for label in (-1, 1):
        cloud = points[labels == label]
        assert len(cloud) == N // 2
        np.testing.assert_allclose(
            cloud.mean(axis=0), 2 * label, atol=4 * np.sqrt(variance / (N / 2))
        )
        np.testing.assert_allclose(
            np.cov(cloud.T), variance * np.eye(2), atol=6 * variance * np.sqrt(2 / (N / 2))
        )


def test_noise_of_the_spiral_moves_its_points():
    points, labels = _draw(playground_data.spiral, 0.0, n=1000)
    for label, start in ((1, 0.0), (-1, np.pi)):
        arm = points[labels == label]
        share = np.arange(500) / 500
        np.testing.assert_allclose(np.hypot(*arm.T), 5 * share, atol=1e-12)
        turn = 3.5 * np.pi * share + start
        np.testing.assert_allclose(arm[:, 0] * np.cos(turn), arm[:, 1] * np.sin(turn), atol=1e-12)
    noisy, same = _draw(playground_data.spiral, 0.5, n=1000)
    np.testing.assert_array_equal(same, labels)
    moved = np.abs(noisy - points)
    assert 0.49 < moved.max() <= 0.5


@pytest.fixture(scope="module")
def runs():
    return playground.run_all(len(SEEDS))


def _batch(X, y, penalty, rate):
    """The optimum by scikit-learn: its Ridge penalises the sum of losses, not their mean."""
    if penalty == "L1":
        return Lasso(rate, tol=1e-12, max_iter=100_000).fit(X, y)
    return Ridge(rate * len(y)).fit(X, y)


def test_the_end_of_the_stream_is_the_optimum_in_batch(runs):
    for (dataset, penalty, rate), outcomes in runs.items():
        for seed, outcome in enumerate(outcomes):
            X, y = playground_data.sample(dataset, seed).train
            batch = _batch(X, y, penalty, rate)
            off = outcome.model.predict(X) - batch.predict(X)
            assert np.sqrt(np.mean(off**2)) < 0.025, (dataset, penalty, rate, seed)
            exact = playground.optimum(X, y, penalty, rate)
            np.testing.assert_allclose(exact.coef, batch.coef_, atol=1e-6)


def test_zeros_are_those_of_the_optimum_and_l2_has_none(runs):
    for (dataset, penalty, rate), outcomes in runs.items():
        for seed, outcome in enumerate(outcomes):
            X, y = playground_data.sample(dataset, seed).train
            zeros = np.sum(outcome.weights == 0)
            assert outcome.n_zeros == zeros
            if penalty == "L2":
                assert zeros == 0
            else:
                exact = np.sum(_batch(X, y, penalty, rate).coef_ == 0)
                assert abs(zeros - exact) <= 1, (dataset, rate, seed)
                assert zeros > 0 or rate < 0.3


def test_without_a_quiet_stretch_noise_keeps_weights_off_0(runs):
    without, at_the_optimum = 0, 0
    for dataset in playground_data.DATASETS:
        X, y = playground_data.sample(dataset, 0).train
        noisy = sx.FTRLRegressor(**runs[dataset, "L1", 0.3][0].model.get_params())
        noisy.fit(np.tile(X, (6000, 1)), np.tile(y, 6000))
        without += np.sum(noisy.coef_ == 0)
        at_the_optimum += np.sum(_batch(X, y, "L1", 0.3).coef_ == 0)
    assert without < at_the_optimum / 2


def test_a_pruned_model_holds_only_weights_that_are_not_0(runs):
    for outcomes in runs.values():
        for outcome in outcomes:
            report = sx.memory_report(outcome.model)
            assert report.pruned["weights"] == 8 * np.sum(outcome.weights != 0)
            assert (report.dense_bytes, report.pruned_bytes) == (
                outcome.dense_bytes,
                outcome.pruned_bytes,
            )


def test_nothing_is_learnt_at_rates_above_alpha_max(runs):
    for (dataset, penalty, rate), outcomes in runs.items():
        for seed, outcome in enumerate(outcomes):
            X, y = playground_data.sample(dataset, seed).train
            _, y_test = playground_data.sample(dataset, seed).test
            # The largest covariance of a column and the labels.
            alpha_max = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / len(y)
            assert sx.alpha_max(X, y) == pytest.approx(alpha_max, rel=1e-12)
            if penalty == "L1":
                assert (outcome.n_zeros == 7) == (rate >= alpha_max)
            if outcome.n_zeros == 7:
                assert outcome.train_loss == pytest.approx(np.var(y) / 2, abs=1e-4)
                constant = np.mean((y_test - y.mean()) ** 2) / 2
                assert outcome.test_loss == pytest.approx(constant, abs=1e-3)


def test_at_rate_3_only_the_product_is_left_of_xor(runs):
    for outcome in runs["XOR", "L1", 3.0]:
        assert [playground_data.FEATURES[j] for j in np.flatnonzero(outcome.weights)] == ["x1 x2"]


def test_l2_as_strong_as_l1_has_its_training_loss():
    for dataset in ("XOR", "Gaussians"):
        for seed in SEEDS:
            drawn = playground_data.sample(dataset, seed)
            rate, less = playground.as_strong(dataset, seed, 0.3)
            l1, l2 = (
                [np.mean((model.predict(X) - y) ** 2) / 2 for X, y in (drawn.train, drawn.test)]
                for model in (_batch(*drawn.train, "L1", 0.3), _batch(*drawn.train, "L2", rate))
            )
            assert l2[0] == pytest.approx(l1[0], abs=1e-5)
            assert l2[1] - l1[1] == pytest.approx(less, abs=1e-5)


def test_nothing_is_as_strong_as_what_learns_nothing():
    assert playground.as_strong("spiral", 0, 3.0) is None


def test_the_command_prints_means_and_spreads(runs, monkeypatch, capsys):
    monkeypatch.setattr(playground, "run_all", lambda n_seeds: runs)
    monkeypatch.setattr("sys.argv", ["playground.py", "--seeds", str(len(SEEDS))])
    playground.main()
    outcomes, changes, kept, strengths, alphas, _ = (
        [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        for table in capsys.readouterr().out.strip().split("\n\n")
    )
    n_rows = [len(table) - 2 for table in (outcomes, changes, kept, strengths, alphas)]
    assert n_rows == [4 * 5, 4 * 3, 4 * 3, 4 * 2, 4]
    for table in (outcomes, changes, kept, strengths, alphas):
        assert {len(line) for line in table} == {len(table[0])}
    gaps = {key: np.array([o.test_loss - o.train_loss for o in runs[key]]) for key in runs}
    for line, gap in zip(outcomes[2:], gaps.values(), strict=True):
        assert line[4] == f"{gap.mean():.3f} ± {gap.std():.3f}"
    fallen = gaps["circle", "L1", 0.3] - gaps["circle", "L2", 0.3]
    (line,) = (line for line in changes if line[:2] == ["circle", "L1 0.3"])
    assert line[4] == f"{fallen.mean():.3f} ± {fallen.std():.3f}"
    assert line[5] == f"{np.sum(fallen < 0)} of {len(SEEDS)}"
