"""Docstrings say what signatures say, what fits leave behind, what is raised; examples run."""

import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpydoc.docscrape import NumpyDocString
from sklearn.base import BaseEstimator, is_classifier

import sparsecross as sx

EXTRAS = {
    "sparsecross.dask": "distributed",
    "sparsecross.onnx": "onnx",
    "sparsecross.torch": "torch",
}
PACKAGE = Path(sx.__file__).parent


def public():
    """Every public name, with the module that offers it."""
    yield from ((sx, name) for name in sx.__all__)
    for module, extra in EXTRAS.items():
        if importlib.util.find_spec(extra) is not None:
            offered = importlib.import_module(module)
            yield from ((offered, name) for name in offered.__all__)


NAMES = [pytest.param(getattr(m, n), id=f"{m.__name__}.{n}") for m, n in public()]
CLASSES = [each for each in NAMES if inspect.isclass(each.values[0])]


def methods():
    """Every method that a class of this package defines and a user may call, once."""
    found = {}
    for each in CLASSES:
        for cls in each.values[0].__mro__:
            for name, member in vars(cls).items():
                function = getattr(member, "__func__", member)
                function = getattr(function, "fn", function)  # scikit-learn's available_if
                ours = (getattr(function, "__module__", None) or "").startswith("sparsecross.")
                if ours and inspect.isfunction(function) and not name.startswith("_"):
                    found.setdefault(function.__qualname__, function)
    return [pytest.param(function, id=name) for name, function in found.items()]


FUNCTIONS = [each for each in NAMES if inspect.isfunction(each.values[0])] + methods()


def parsed(thing):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of sections that are unknown or there twice
        return NumpyDocString(inspect.getdoc(thing) or "")


def names_of(section):
    """The names of a section, those that share a description too."""
    return [name.strip().lstrip("*") for entry in section for name in entry.name.split(",") if name]


def parameters_of(thing):
    return [name for name in inspect.signature(thing).parameters if name not in ("self", "cls")]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_parameters_of_functions_are_those_of_their_signatures(function):
    documented = names_of(parsed(function)["Parameters"])
    assert sorted(documented) == sorted(parameters_of(function))


@pytest.mark.parametrize("cls", CLASSES)
def test_parameters_of_classes_are_those_of_their_signatures(cls):
    """Records, which only this package makes, have attributes in their place."""
    doc = parsed(cls)
    documented, wanted = names_of(doc["Parameters"]), parameters_of(cls)
    if cls is sx.Status:
        return
    if not documented and not issubclass(cls, BaseEstimator):
        private = {"meta", "arrays", "encoder"} if cls is sx.PrunedModel else set()
        assert set(wanted) - private <= set(names_of(doc["Attributes"]))
        return
    if cls.__module__ == "sparsecross.dask":  # it adds to those of the class that it names
        plain = getattr(sx, cls.__name__)
        assert f":class:`sparsecross.{cls.__name__}`" in cls.__doc__
        wanted = [name for name in wanted if name not in parameters_of(plain)]
    assert sorted(documented) == sorted(wanted)


@pytest.mark.parametrize("thing", NAMES + methods())
def test_a_docstring_begins_with_one_sentence(thing):
    first = (inspect.getdoc(thing) or "").split("\n\n")[0]
    assert re.fullmatch(r"[A-Z:`].*[.;]", first, re.DOTALL)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_returned_and_raised_is_documented(function):
    doc, source = parsed(function), inspect.getsource(function)
    code = source.replace(function.__doc__, "")
    if re.search(r"\b(return|yield) (?!None\b)\S", code):
        assert doc["Returns"] or doc["Yields"]
    documented = {name.split(".")[-1] for entry in doc["Raises"] for name in entry.type.split(", ")}
    documented |= {name for each in documented for name in each.split(" or ")}
    assert set(re.findall(r"raise (\w+)\(", code)) <= documented


@pytest.mark.parametrize("thing", NAMES)
def test_every_public_name_has_an_example(thing):
    assert thing is sx.Status or parsed(thing)["Examples"]


def fitted(cls):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    y = X[:, 0] + 0.1 * rng.standard_normal(60)
    if cls is sx.FeatureCross:
        return cls().fit(rng.integers(0, 3, (60, 2)))
    if is_classifier(cls()):
        y = y > 0
    elif cls.__name__.startswith("MultiTask"):
        y = np.stack([y, -y], axis=1)
    elif cls is sx.PoissonRegressor:
        y = np.round(np.exp(y))
    model = cls(cv=3, n_alphas=5, eps=0.1) if cls.__name__.endswith("CV") else cls()
    if "interactions" in model.get_params():
        model.set_params(interactions="pairwise")
    return model.fit(X, y)


@pytest.mark.parametrize(
    "name", [name for name in sx.__all__ if hasattr(getattr(sx, name), "get_params")]
)
def test_attributes_are_what_a_fit_leaves(name):
    model = fitted(getattr(sx, name))
    documented = set(names_of(parsed(type(model))["Attributes"]))
    learnt = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    # What is None has no meaning for a model of this kind.
    assert {name for name in learnt if getattr(model, name) is not None} <= documented
    # Only where the columns have names, or a scorer was given.
    optional = {"feature_names_in_", "score_path_"}
    assert {name for name in documented if not hasattr(model, name)} <= optional


MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "sparsecross.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    for prefix, extra in EXTRAS.items():
        if name.startswith(prefix):
            pytest.importorskip(extra)
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert doctest.testmod(importlib.import_module(name)).failed == 0
