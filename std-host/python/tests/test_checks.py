"""scikit-learn's own checks of estimators."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from wta_learn import LinearSVC, LocalContrast, StackedWTA, UnitAverageNorm, WTAAutoencoder, WTARBM, ZCA

ESTIMATORS = [
    LinearSVC(),
    LocalContrast(window=3),
    StackedWTA([WTAAutoencoder(6, epochs=2), WTAAutoencoder(4, epochs=2)]),
    UnitAverageNorm(),
    WTAAutoencoder(6, epochs=2),
    WTAAutoencoder(3, kernel_size=1, epochs=2),
    WTARBM(6, epochs=2),
    ZCA(),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)
