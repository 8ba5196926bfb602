"""Make ``debian_packages.parquet``, a table of the packages in a Debian release.

The table is an example for regression on sparse, categorical data: predict how much disk
space a package takes from who maintains it, where it belongs and what it depends on. There is
one row for each package, sorted by package name. The name itself is left out, since a value
that occurs only once is of no use to a model. The columns are:

==================  =============================  ==========================================
``log_size``        float64                        the target: log(1 + Installed-Size in KiB)
``section``         dictionary of strings          such as "python" or "libs"
``priority``        dictionary of strings          such as "optional" or "required"
``architecture``    dictionary of strings          "amd64" or "all"
``multi_arch``      dictionary of strings          the Multi-Arch field, "no" where absent
``maintainer``      dictionary of strings          name of a team or person, no mail address
``source``          dictionary of strings          source package that the package is built from
``homepage_host``   dictionary of strings or null  host name in the Homepage field
``tags``            list of dictionary strings     debtags, such as "role::program"
``depends``         list of dictionary strings     packages that it depends on
==================  =============================  ==========================================

Packages that state no size, or a size of 0, are dropped. ``depends`` joins Depends and
Pre-Depends; version bounds and qualifiers such as ":any" are dropped, and of alternatives
("a | b") only the first is kept. Both lists are sorted and free of repeats, and empty (never
null) where a package has none.

Licence: the values are facts from Debian's public package index. Package descriptions, the
only prose in that index, are not copied.

The stored file is made from Debian 12 "bookworm", point release 12.15, component main, amd64;
another release gives other rows. To make it again, on a Debian system with that source alone::

    pip install pyarrow python-debian
    apt-get update
    python make_debian_packages.py

To use an index saved earlier or on another system, save it with ``apt-cache -o
Dir::State::status=/dev/null dumpavail > index.txt`` and give ``index.txt`` as the argument.
"""

import argparse
import io
import math
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from debian.deb822 import Packages

# With an empty status file, what happens to be installed does not show in the output.
APT_COMMAND = ["apt-cache", "-o", "Dir::State::status=/dev/null", "dumpavail"]

LEVEL = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("log_size", pa.float64()),
        ("section", LEVEL),
        ("priority", LEVEL),
        ("architecture", LEVEL),
        ("multi_arch", LEVEL),
        ("maintainer", LEVEL),
        ("source", LEVEL),
        ("homepage_host", LEVEL),
        ("tags", pa.list_(LEVEL)),
        ("depends", pa.list_(LEVEL)),
    ]
)


def make_row(package: Packages, size_kib: int) -> dict[str, object]:
    """Turn one stanza of the index into a row of the table."""
    maintainer = package["Maintainer"].partition("<")[0].strip()
    if "@" in maintainer:
        raise ValueError(f"mail address in the maintainer's name of {package['Package']}")
    groups = [*package.relations["pre-depends"], *package.relations["depends"]]
    tags = (tag.strip() for tag in package.get("Tag", "").split(","))
    return {
        "log_size": math.log1p(size_kib),
        "section": package["Section"],
        "priority": package["Priority"],
        "architecture": package["Architecture"],
        "multi_arch": package.get("Multi-Arch", "no"),
        "maintainer": maintainer,
        # The source's version may follow its name: "glibc (2.36-9)".
        "source": package.get("Source", package["Package"]).split()[0],
        "homepage_host": urlsplit(package.get("Homepage", "")).hostname,
        "tags": sorted({tag for tag in tags if tag}),
        "depends": sorted({alternatives[0]["name"] for alternatives in groups}),
    }


def make_table(index: bytes) -> pa.Table:
    """Parse the index; the first stanza counts where several have the same package name."""
    packages: dict[str, Packages] = {}
    for package in Packages.iter_paragraphs(io.BytesIO(index), use_apt_pkg=False):
        packages.setdefault(package["Package"], package)
    sizes = {name: int(packages[name].get("Installed-Size", "0")) for name in sorted(packages)}
    rows = [make_row(packages[name], size) for name, size in sizes.items() if size > 0]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def main() -> None:
    """Read the index and write the table."""
    parser = argparse.ArgumentParser(description="Make a table of the packages in Debian.")
    parser.add_argument("index", nargs="?", type=Path, help="saved index (default: run apt-cache)")
    parser.add_argument("--output", type=Path, default=Path("debian_packages.parquet"))
    args = parser.parse_args()

    if args.index:
        index = args.index.read_bytes()
    else:
        index = subprocess.run(APT_COMMAND, check=True, stdout=subprocess.PIPE).stdout
    table = make_table(index)
    pq.write_table(table, args.output, compression="zstd", compression_level=19)
    print(f"{args.output}: {table.num_rows} rows, {args.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
