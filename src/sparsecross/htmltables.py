"""Tables in HTML, as notebooks show them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def html_table(
    head: Sequence[str], rows: Sequence[Sequence[object]], caption: Sequence[str] = ()
) -> str:
    """Return a table; whatever stands in it is text, with no meaning in HTML.

    Parameters
    ----------
    head : sequence of str
        The names of the columns; none for a table without them.
    rows : sequence of sequences
        The cells.
    caption : sequence of str, default=()
        Lines of what is said of the table.

    Returns
    -------
    str
    """

    def cells(kind: str, row: Sequence[object]) -> str:
        return "".join(f"<{kind}>{escape(str(cell))}</{kind}>" for cell in row)

    told = "<br>".join(map(escape, caption))
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        "<table>"
        + (f"<caption>{told}</caption>" if caption else "")
        + (f"<thead><tr>{cells('th', head)}</tr></thead>" if head else "")
        + f"<tbody>{body}</tbody></table>"
    )
