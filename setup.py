"""Builds the two compiled modules: `_solvers` (pybind11) and `_stream` (Cython).

Switches, read from the environment, for builders only:
SPARSECROSS_OPENMP=0    build without OpenMP (one thread everywhere)
SPARSECROSS_SANITIZE=1  address and undefined-behaviour sanitizers, assertions alive
SPARSECROSS_JOBS=N      compilers at work at the same time (all cores)
"""

import os
import sys
from pathlib import Path

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import Extension, setup

ParallelCompile("SPARSECROSS_JOBS", default=0).install()

openmp = os.environ.get("SPARSECROSS_OPENMP", "1") != "0" and sys.platform.startswith("linux")
sanitize = os.environ.get("SPARSECROSS_SANITIZE", "0") == "1"

# Predictions are promised to the last bit, so the compiler must not fuse a multiply and an add.
compile_args = ["-std=c++17", "-O3", "-ffp-contract=off", "-fvisibility=hidden"]
# Nobody asks for errno or for floating-point traps, which keep loops from being vectorised.
compile_args += ["-fno-math-errno", "-fno-trapping-math"]
compile_args += ["-Wall", "-Wextra"]
link_args: list[str] = []
if sanitize:
    compile_args += ["-O1", "-g1", "-UNDEBUG", "-D_GLIBCXX_ASSERTIONS"]
    compile_args += ["-fsanitize=address,undefined"]
    compile_args += ["-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
    link_args += ["-fsanitize=address,undefined"]
else:
    compile_args += ["-g0", "-DNDEBUG"]
if openmp:
    compile_args.append("-fopenmp")
    link_args.append("-fopenmp")
else:
    compile_args.append("-Wno-unknown-pragmas")

headers = sorted(map(str, Path("csrc").rglob("*.hpp")))


def extension(
    kind: type[Extension], name: str, sources: list[str], included: list[str]
) -> Extension:
    return kind(
        name,
        sources,
        include_dirs=["csrc"],
        depends=[*headers, *included],
        language="c++",
        extra_compile_args=[*compile_args],
        extra_link_args=[*link_args],
    )


sources = sorted(map(str, Path("csrc").rglob("*.cpp")))
included = sorted(map(str, Path("src/sparsecross").glob("*.px[di]")))
setup(
    ext_modules=[
        extension(Pybind11Extension, "sparsecross._solvers", sources, []),
        extension(Extension, "sparsecross._stream", ["src/sparsecross/_stream.pyx"], included),
    ],
    cmdclass={"build_ext": build_ext},
)
