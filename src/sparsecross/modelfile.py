"""Pruned models as their file lays them out (docs/file_format.md), and as earlier versions did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _solvers, artefact, encoderstate
from .memory import PARTS, Sizes
from .storage import TYPES

# Blocks of a model: of output K the weights w and x of columns and crosses with the index of these,
# of model M the names of columns, of an encoder its arrays.
INDEX = ("lo", "hi", "sa")
CROSS_INDEX = ("xl", "xh", "xs")
NAMES = ("na0", "of0")  # texts, and where each begins
SHAPE = "shape"

_NUMBERS = ("universe", "n_outputs", "order", "link", "n_weights", "exponent")
_LINKS = (None, "log", "softmax")  # by their number
_OF_OUTPUTS = ("w", *INDEX, "x", *CROSS_INDEX)
# What blocks were called in versions 1 to 3.
_EARLIER = {"low": "lo", "high": "hi", "samples": "sa", "xlow": "xl", "xhigh": "xh", "xsampl": "xs"}
_EARLIER |= dict(zip(("names", "nameoff"), NAMES, strict=True))

Model = tuple[Mapping[str, Any], artefact.Arrays]  # meta data and arrays


def pack_classes(classes: npt.NDArray[Any] | None) -> dict[str, Any] | None:
    """Labels as the meta data has them.

    Raises
    ------
    TypeError
        If they are neither strings nor numbers.
    """
    if classes is None:
        return None
    values = classes.tolist()
    if not all(isinstance(value, str | int | float) for value in values):
        raise TypeError(f"classes must be strings or numbers to be saved, got {values[0]!r}")
    return {"dtype": classes.dtype.str if classes.dtype != object else "O", "values": values}


def unpack_classes(packed: dict[str, Any]) -> npt.NDArray[Any]:
    """Labels as an array, of what the meta data says of them."""
    dtype, values = packed["dtype"], packed["values"]
    if (
        not isinstance(values, list)
        or not isinstance(dtype, str)
        or dtype[-1:] not in "O0123456789"
    ):
        raise ValueError("the classes are not a list with a dtype")
    classes = np.array(values, dtype=dtype)
    if classes.ndim != 1 or classes.dtype.kind not in "biufUO":
        raise ValueError(f"classes cannot have dtype {dtype}")
    if classes.tolist() != values or len(set(values)) != len(values):
        raise ValueError("the classes are not distinct values of their dtype")
    return classes


def content(models: Sequence[Model]) -> bytearray:
    """The bytes of the file of one model or several."""
    return artefact.encode(*_laid_out(models))


def n_bytes(meta: Mapping[str, Any], arrays: artefact.Arrays) -> int:
    """How many bytes the file of a model has."""
    return artefact.encoded_bytes(*_laid_out([(meta, arrays)]))


def sizes(
    universe: int,
    n_weights: list[int],
    order: int,
    n_crosses: list[int],
    classes: npt.NDArray[Any] | None,
) -> Sizes:
    """Bytes of a model of so many weights of columns and crosses, of each output, in float64."""
    blocks = [8 * (len(_NUMBERS) + len(PARTS)), 8 * len(n_weights)]
    memory = blocks[1]
    parts = [(universe, n_weights)]
    if order > 1:
        parts.append((_solvers.ProductKeys(universe, order).universe, n_crosses))
    for ids, counts in parts:
        for n in counts:
            here = [8 * n, *_solvers.index_bytes(n, ids)]
            blocks += here
            memory += sum(here)
    text = len(artefact.as_json({"classes": pack_classes(classes), "encoder": None}))
    return Sizes(memory, artefact.file_bytes([text, *blocks]))


def bytes_of_names(meta: Mapping[str, Any], arrays: artefact.Arrays) -> int:
    """How many of them are names: of columns, and the encoder's."""
    named = [name for name in NAMES if name in arrays]
    encoder = meta["encoder"]
    if encoder is not None:
        named += encoderstate.blocks_of(encoder)
    described = 0 if encoder is None else len(artefact.as_json(encoder))
    return described + sum(artefact.ENTRY_BYTES + arrays[name].nbytes for name in named)


def _laid_out(models: Sequence[Model]) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    numbers: list[int] = []
    blocks: dict[str, npt.NDArray[Any]] = {}
    told: list[dict[str, Any]] = []
    encoders = _Encoders()
    first = 0
    for m, (meta, arrays) in enumerate(models):
        numbers += [meta["universe"], meta["n_outputs"], meta["order"], _LINKS.index(meta["link"])]
        numbers += [meta["n_weights"], meta["exponent"], *(meta["dense"][part] for part in PARTS)]
        for k in range(meta["n_outputs"]):
            for part in _OF_OUTPUTS:
                if f"{part}{k}" in arrays:
                    blocks[f"{part}{first + k}"] = arrays[f"{part}{k}"]
        first += meta["n_outputs"]
        blocks |= {f"{name[:-1]}{m}": arrays[name] for name in NAMES if name in arrays}
        here = {name: meta[name] for name in ("classes", "encoder", "notes") if name in meta}
        encoder = meta["encoder"]
        if len(models) > 1:
            here["encoder"] = encoders.told(m, encoder, arrays)
        elif encoder is not None:
            blocks |= {name: arrays[name] for name in encoderstate.blocks_of(encoder)}
        told.append(here)
    shape = np.array(numbers, np.uint64)
    intercepts = np.concatenate([arrays["icpt"] for _, arrays in models])
    blocks = {SHAPE: shape, "icpt": intercepts} | blocks | encoders.blocks
    return told[0] if len(models) == 1 else {"models": told}, blocks


class _Encoders:
    """Encoders of several models: each, and each of their arrays, once."""

    def __init__(self) -> None:
        self.blocks: dict[str, npt.NDArray[Any]] = {}
        self._places: dict[tuple[str, bytes], int] = {}
        self._told: list[tuple[int, dict[str, Any]]] = []

    def told(self, m: int, encoder: dict[str, Any] | None, arrays: artefact.Arrays) -> Any:
        """What the meta data of model m says: nothing, an earlier model, or all about it."""
        if encoder is None:
            return None
        places = []
        for k in range(len(encoder["arrays"])):
            array = arrays[encoderstate.block(k)]
            key = (array.dtype.str, array.tobytes())
            places.append(self._places.setdefault(key, len(self._places)))
            self.blocks[encoderstate.block(places[-1])] = array
        here = encoder | {"blocks": places}
        for earlier, other in self._told:
            if other == here:
                return earlier
        self._told.append((m, here))
        return here


def opened(file: artefact.Artefact) -> list[Stored]:
    """The models in a file.

    Raises
    ------
    ValueError
        If the meta data and blocks cannot be those of models.
    """
    try:
        if file.version < 4:
            before = {"order": 1, "link": None, "exponent": 0} | file.meta
            found: list[Stored] = [(before, _Earlier(file, before))]
        elif "models" in file.meta:
            found = list(_several(file))
        else:
            found = [(file.meta | _numbers(file[SHAPE]), file)]
        for meta, arrays in found:
            _check(meta, set(arrays))
            _check_types(arrays)
    except (
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        OverflowError,
        MemoryError,
    ) as error:
        raise ValueError(f"{file.path!r} has unusable meta data: {error}") from None
    return found


def _several(file: artefact.Artefact) -> Iterator[Stored]:
    told = file.meta["models"]
    shape, first = file[SHAPE], 0
    each = len(_NUMBERS) + len(PARTS)
    if len(shape) != each * len(told):
        raise ValueError(f"{len(told)} models cannot have {len(shape)} numbers")
    for m, here in enumerate(told):
        meta = here | _numbers(shape[m * each : (m + 1) * each])
        encoder = meta["encoder"]
        if type(encoder) is int:
            meta["encoder"] = encoder = told[encoder]["encoder"]
        n_outputs = min(meta["n_outputs"], len(file))
        names = {
            f"{part}{k}": f"{part}{first + k}" for part in _OF_OUTPUTS for k in range(n_outputs)
        }
        names |= {name: f"{name[:-1]}{m}" for name in NAMES}
        if encoder is not None:
            places = enumerate(encoder["blocks"])
            names |= {encoderstate.block(k): encoderstate.block(int(at)) for k, at in places}
            meta["encoder"] = {part: encoder[part] for part in ("meta", "arrays")}
        yield meta, _Part(file, names, slice(first, first + n_outputs))
        first += n_outputs


def _check_types(arrays: artefact.Artefact | _Part | _Earlier) -> None:
    """Raise unless blocks have the types that they must have; nothing of them is read."""
    weights = arrays.dtype_of("w0")
    if not any(weights == each for each in TYPES.values()):
        raise ValueError(f"weights cannot be {weights}")
    kinds = {"icpt": np.dtype(np.float64), "w": weights, "x": weights}
    kinds |= dict.fromkeys(("lo", "hi", "xl", "xh"), np.dtype(np.uint64))
    kinds |= dict.fromkeys(("sa", "xs"), np.dtype(np.uint32))
    kinds |= {"na": np.dtype(np.uint8), "of": np.dtype(np.int64)}
    for name in arrays:
        expected, found = kinds.get(name.rstrip("0123456789")), arrays.dtype_of(name)
        if expected is not None and found != expected:
            raise ValueError(f"block {name!r} must hold {expected}, got {found}")


class _Part(Mapping[str, npt.NDArray[Any]]):
    """The blocks of one model among several in a file."""

    def __init__(self, file: artefact.Artefact, names: Mapping[str, str], outputs: slice) -> None:
        self._file, self._outputs = file, outputs
        self._names = {name: there for name, there in names.items() if there in file}

    def __iter__(self) -> Iterator[str]:
        return iter(("icpt", *self._names))

    def __len__(self) -> int:
        return len(self._names) + 1

    def dtype_of(self, name: str) -> np.dtype[Any]:
        """The type of a block's elements."""
        return self._file.dtype_of(self._names.get(name, name))

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name == "icpt":
            return self._file[name][self._outputs]
        return self._file[self._names[name]]


def _numbers(shape: npt.NDArray[Any]) -> dict[str, Any]:
    if shape.dtype != np.uint64 or len(shape) != len(_NUMBERS) + len(PARTS):
        raise ValueError(f"block {SHAPE!r} has {len(shape)} numbers of type {shape.dtype}")
    values = shape.tolist()
    found = dict(zip(_NUMBERS, values, strict=False))
    dense = dict(zip(PARTS, values[len(_NUMBERS) :], strict=True))
    return found | {"link": _LINKS[found["link"]], "dense": dense}


def _check(meta: Mapping[str, Any], blocks: set[str]) -> None:
    """Raise unless the meta data of a file can be that of a model with these blocks."""

    def count(name: str, value: Any, low: int = 0, high: int = 2**63 - 1) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"{name} must be an integer from {low} to {high}, got {value!r}")
        return value

    count("universe", meta["universe"])
    count("n_weights", meta["n_weights"])
    count("exponent", meta["exponent"], 0, 1023)
    n_outputs = count("n_outputs", meta["n_outputs"], 1)
    for part in PARTS:
        count(f"dense bytes of {part}", meta["dense"][part])
    classes = meta["classes"]
    if classes is not None:
        n_classes = len(unpack_classes(classes))
        if n_classes < 2 or n_outputs != (1 if n_classes == 2 else n_classes):
            raise ValueError(f"{n_outputs} outputs do not fit {n_classes} classes")
    link = meta["link"]
    if link not in ((None, "softmax") if n_outputs > 1 else (None, "log")):
        raise ValueError(f"a model of {n_outputs} outputs cannot have the link {link!r}")
    if (link == "log" and classes is not None) or (link == "softmax" and classes is None):
        kind = "regressor" if classes is None else "classifier"
        raise ValueError(f"a {kind} cannot have the link {link!r}")
    order = count("order", meta["order"], 1, 3)
    needed = {"icpt"} | {f"{part}{k}" for part in ("w", *INDEX) for k in range(n_outputs)}
    if order > 1:
        _solvers.ProductKeys(meta["universe"], order)
        needed |= {f"{part}{k}" for part in ("x", *CROSS_INDEX) for k in range(n_outputs)}
    encoder = meta["encoder"]
    if encoder is not None:
        if not isinstance(encoder["meta"], dict) or not isinstance(encoder["arrays"], list):
            raise ValueError("the encoder is not described by an object and a list of arrays")
        needed |= set(encoderstate.blocks_of(encoder))
        if not all(isinstance(name, str) for name in encoder["arrays"]):
            raise ValueError("the arrays of the encoder are not named by strings")
    if blocks & set(NAMES):
        needed |= set(NAMES)
    if not needed <= blocks:
        raise ValueError(f"block {min(needed - blocks)!r} is missing")


class _Earlier(Mapping[str, npt.NDArray[Any]]):
    """The blocks of a file of versions 1 to 3, whose indices are laid out anew when asked for."""

    def __init__(self, file: artefact.Artefact, meta: Mapping[str, Any]) -> None:
        self._file, self._meta = file, meta
        self._anew: dict[str, npt.NDArray[Any]] = {}
        self._names: dict[str, str] = {}
        for name in file:
            part = name.rstrip("0123456789")
            self._names[_EARLIER.get(part, part) + name[len(part) :]] = name

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def dtype_of(self, name: str) -> np.dtype[Any]:
        """The type of a block's elements, of samples that which they will have."""
        found = self._file.dtype_of(self._names[name])
        return np.dtype(np.uint32) if name[:2] in ("sa", "xs") else found

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        part = name.rstrip("0123456789")
        if part not in INDEX + CROSS_INDEX:
            return self._file[self._names[name]]
        if name not in self._anew:
            parts, values, universe = INDEX, "w", self._meta["universe"]
            if part in CROSS_INDEX:
                parts, values = CROSS_INDEX, "x"
                universe = _solvers.ProductKeys(universe, self._meta["order"]).universe
            k = name[len(part) :]
            low, high = (self._file[self._names[f"{each}{k}"]] for each in parts[:2])
            n = len(self._file[f"{values}{k}"])
            ids = _solvers.ids_of_earlier_index(n, universe, low, high)
            low, high, samples = _solvers.build_index(ids, universe)
            self._anew |= {f"{parts[0]}{k}": low, f"{parts[1]}{k}": high, f"{parts[2]}{k}": samples}
        return self._anew[name]


# A model in a file: meta data and blocks.
Stored = tuple[Mapping[str, Any], artefact.Artefact | _Part | _Earlier]
