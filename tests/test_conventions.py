from sklearn.utils.estimator_checks import parametrize_with_checks

import sparsecross as sx


@parametrize_with_checks(
    [
        sx.Lasso(),
        sx.ElasticNet(),
        sx.Lasso(alpha=None),
        sx.Lasso(alpha=0.01, standardize=True),
        sx.SparseLogisticRegression(),
        sx.HuberRegressor(),
        sx.PoissonRegressor(),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
