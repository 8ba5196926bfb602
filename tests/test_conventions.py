from sklearn.utils.estimator_checks import parametrize_with_checks

import sparsecross as sx

# A row that counts twice is one step twice as long, not two steps.
ONLINE = {
    "check_sample_weight_equivalence_on_dense_data": "the order and number of steps matter",
    "check_sample_weight_equivalence_on_sparse_data": "the order and number of steps matter",
}


@parametrize_with_checks(
    [
        sx.Lasso(),
        sx.ElasticNet(),
        sx.Lasso(alpha=None),
        sx.Lasso(alpha=0.01, standardize=True),
        sx.SparseLogisticRegression(),
        sx.HuberRegressor(),
        sx.PoissonRegressor(),
        sx.LassoCV(n_alphas=10, eps=0.05, cv=3),
        sx.LassoCV(n_alphas=10, eps=0.05, cv=3, standardize=True, solver="fista"),
        sx.ElasticNetCV(l1_ratio=[0.5, 1.0], n_alphas=5, eps=0.05, cv=3, selection="1se"),
        sx.SparseLogisticRegressionCV(n_alphas=10, eps=0.05, cv=3),
        sx.SparseLogisticRegression(0.05, multi_class="multinomial", tol=1e-8),
        sx.SparseLogisticRegressionCV(n_alphas=5, eps=0.05, cv=3, multi_class="multinomial"),
        sx.GroupLasso(),
        sx.GroupHuberRegressor(),
        sx.GroupLogisticRegression(0.05, tol=1e-8),
        sx.MultiTaskLasso(),
        sx.MultiTaskElasticNet(),
        sx.GroupLassoCV(n_alphas=5, eps=0.05, cv=3),
        sx.GroupLogisticRegressionCV(n_alphas=5, eps=0.05, cv=3),
        sx.MultiTaskElasticNetCV(l1_ratio=[0.5, 1.0], n_alphas=5, eps=0.05, cv=3),
        sx.MultiTaskLassoCV(n_alphas=5, eps=0.05, cv=3),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [sx.FTRLRegressor(n_bits=12), sx.FTRLClassifier(n_bits=12), sx.FTRLClassifier(n_bits=None)],
    expected_failed_checks=lambda estimator: ONLINE,
)
def test_scikit_learn_conventions_of_streams(estimator, check):
    check(estimator)
