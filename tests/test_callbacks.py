"""scikit-learn's callbacks hear of every look of a fit, and can end it."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import sparsecross as sx

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 has none")


def data(classes=None):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 300))
    y = X[:, :20] @ rng.standard_normal(20) + rng.standard_normal(100)
    return X, y if classes is None else np.digitize(y, np.quantile(y, classes))


class Recorder:
    """Takes down what scikit-learn tells a callback, and asks to stop after some looks."""

    def __init__(self, stop_after=None):
        self.events, self.fitted, self.stop_after, self.data = [], [], stop_after, []

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name))

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.events.append(("end", context.task_name))
        self.data.append((X, y, metadata))
        if context.task_name == "look":
            self.fitted.append(fitted_estimator)
            return len(self.fitted) == self.stop_after
        return False

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name))

    def count(self, *event):
        return self.events.count(event)


def test_a_callback_hears_of_every_look():
    X, y = data()
    recorder = Recorder()
    model = sx.Lasso(0.01).set_callbacks(recorder).fit(X, y + 7, np.ones(100))
    looks = len(model.history_)
    assert recorder.count("begin", "look") == recorder.count("end", "look") == looks
    assert recorder.events[:2] == [("setup", "fit"), ("begin", "fit")]
    assert recorder.events[-2:] == [("end", "fit"), ("teardown", "fit")]
    assert all(seen[0] is X for seen in recorder.data)
    assert all(list(seen[2]) == ["sample_weight"] for seen in recorder.data)
    for fitted, look in zip(recorder.fitted, model.history_, strict=True):
        assert np.count_nonzero(fitted.coef_) == look.n_active
        penalty = 0.01 * np.abs(fitted.coef_).sum()
        primal = 0.5 * np.mean((y + 7 - fitted.predict(X)) ** 2) + penalty
        assert primal == pytest.approx(look.primal, rel=1e-9)
    silent = sx.Lasso(0.01).fit(X, y + 7)
    np.testing.assert_array_equal(model.coef_, silent.coef_)


def test_a_callback_ends_a_fit_and_what_it_had_is_kept():
    X, y = data()
    model = sx.Lasso(0.01).set_callbacks(Recorder(stop_after=2))
    with pytest.warns(ConvergenceWarning, match=r"\(interrupted\): a callback ended it"):
        model.fit(X, y)
    assert len(model.history_) == 2
    assert model.status_ is sx.Status.interrupted
    assert model.coef_.any()
    rest = model.set_callbacks().set_params(warm_start=True).fit(X, y)
    assert rest.status_ is sx.Status.converged


def test_a_wish_to_stop_at_the_last_look_changes_nothing():
    X, y = data()
    looks = len(sx.Lasso(0.01).fit(X, y).history_)
    model = sx.Lasso(0.01).set_callbacks(Recorder(stop_after=looks)).fit(X, y)
    assert model.status_ is sx.Status.converged


def test_callbacks_of_several_problems_and_of_folds():
    X, labels = data([0.3, 0.6])
    recorder = Recorder()
    model = sx.SparseLogisticRegression(0.05).set_callbacks(recorder).fit(X, labels)
    assert recorder.count("end", "problem") == 3
    assert recorder.count("end", "look") == sum(map(len, model.history_))
    assert recorder.fitted == [None] * len(recorder.fitted)  # one problem alone predicts nothing
    recorder = Recorder(stop_after=1)
    model = sx.SparseLogisticRegression(0.05).set_callbacks(recorder)
    with pytest.warns(ConvergenceWarning, match="a callback ended it"):
        model.fit(X, labels)
    assert model.status_ == [sx.Status.interrupted] * 3
    recorder = Recorder()
    sx.LassoCV(n_alphas=3, cv=4).set_callbacks(recorder).fit(*data())
    assert recorder.count("end", "fold") == 4
    assert recorder.count("end", "path") == 1
    assert recorder.events[-1] == ("teardown", "fit")


@pytest.mark.parametrize("ratios", [[1.0], [0.5, 1.0]])
def test_a_progress_bar_is_told_how_many_steps_there_will_be(ratios):
    class Bar(Recorder):
        def setup(self, estimator, context):
            super().setup(estimator, context)
            self.n_steps = context.max_subtasks

    bar = Bar()
    sx.ElasticNetCV(l1_ratio=ratios, n_alphas=3, cv=4).set_callbacks(bar).fit(*data())
    assert bar.n_steps == bar.count("end", "fold") + bar.count("end", "path") == 4 * len(ratios) + 1
    bar = Bar()
    sx.SparseLogisticRegression(0.05).set_callbacks(bar).fit(*data([0.3, 0.6]))
    assert bar.n_steps == bar.count("end", "problem") == 3


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_callbacks_of_several_classes_at_once(fit_intercept):
    X, labels = data([0.3, 0.6])
    options = {"multi_class": "multinomial", "fit_intercept": fit_intercept, "tol": 1e-6}
    recorder = Recorder()
    model = sx.SparseLogisticRegression(0.02, **options).set_callbacks(recorder).fit(X, labels)
    looks = len(model.history_)
    assert looks > 2
    assert recorder.count("begin", "look") == recorder.count("end", "look") == looks
    assert recorder.count("begin", "problem") == 0  # all classes are one problem
    for fitted, look in zip(recorder.fitted, model.history_, strict=True):
        assert np.count_nonzero(fitted.coef_) == look.n_active
        loss = -np.mean(fitted.predict_log_proba(X)[np.arange(100), labels])
        assert loss + 0.02 * np.abs(fitted.coef_).sum() == pytest.approx(look.primal, rel=1e-9)
        assert fitted.intercept_.any() == fit_intercept
    sweeps = [look.n_iter for look in model.history_]
    assert sweeps[0] == 0
    assert (np.diff(sweeps) >= 3).all()  # one of each class, at least
    assert (np.diff([look.dual for look in model.history_]) >= 0).all()
    assert (np.diff([look.seconds for look in model.history_]) >= 0).all()
    assert (model.history_[0].n_active, model.history_[0].working_set) == (0, 0)
    assert min(look.working_set for look in model.history_[1:]) > 0
    silent = sx.SparseLogisticRegression(0.02, **options).fit(X, labels)
    np.testing.assert_array_equal(model.coef_, silent.coef_)
    np.testing.assert_array_equal(model.intercept_, silent.intercept_)


def test_a_callback_ends_a_fit_of_several_classes():
    X, labels = data([0.3, 0.6])
    model = sx.SparseLogisticRegression(0.02, multi_class="multinomial", warm_start=True)
    model.set_callbacks(Recorder(stop_after=2))
    with pytest.warns(ConvergenceWarning, match=r"\(interrupted\): a callback ended it"):
        model.fit(X, labels)
    assert model.status_ is sx.Status.interrupted
    assert len(model.history_) == 2
    assert model.coef_.any()
    reached = model.history_[-1].primal
    model.set_callbacks().fit(X, labels)
    assert model.history_[0].primal == pytest.approx(reached, rel=1e-12)
    assert model.status_ is sx.Status.converged


FITS = {
    "one margin": lambda: (sx.Lasso(0.01), *data()),
    "several": lambda: (
        sx.SparseLogisticRegression(0.02, multi_class="multinomial"), *data([0.3, 0.6])
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FITS)
def test_callbacks_are_torn_down_when_a_fit_fails(case):
    model, X, y = FITS[case]()

    class Broken(Recorder):
        def on_fit_task_begin(self, estimator, context):
            super().on_fit_task_begin(estimator, context)
            if context.task_name == "look":
                raise RuntimeError("the callback broke")

    recorder = Broken()
    model.set_callbacks(recorder)
    with pytest.raises(RuntimeError, match="the callback broke"):
        model.fit(X, y)
    assert recorder.events[-1] == ("teardown", "fit")
    assert not [name for name in vars(model) if name.startswith("_callback")]
    recorder = Recorder()
    with pytest.raises(ValueError, match="at least one row"):
        sx.LassoCV(cv=[([0], [])]).set_callbacks(recorder).fit(X, y)


def test_scikit_learns_own_callbacks_follow_a_fit(capsys):
    X, y = data()
    monitor = callback.ScoringMonitor(scoring="r2")
    model = sx.Lasso(0.01).set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs()
    assert len(log.data) >= len(model.history_)
    pytest.importorskip("rich")
    sx.LassoCV(n_alphas=3).set_callbacks(callback.ProgressBar()).fit(X, y)
    assert "LassoCV" in capsys.readouterr().out
