from sklearn.utils.estimator_checks import parametrize_with_checks

import sparsecross as sx


@parametrize_with_checks(
    [sx.Lasso(), sx.ElasticNet(), sx.Lasso(alpha=None), sx.SparseLogisticRegression()]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
