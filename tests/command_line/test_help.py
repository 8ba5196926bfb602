"""Help fits a terminal of 80 columns and says what there is; completion scripts complete."""

import subprocess
import sys

import pytest

from sparsecross.cli.arguments import make_parser
from sparsecross.cli.completion import SHELLS

COMMANDS = list(make_parser()._subparsers._group_actions[0].choices)


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_fits_80_columns(run, command):
    code, out, _ = run(*([command] if command else []), "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "\nexamples:\n" in out
    assert "\nexit codes:\n" in out


def test_the_first_page_names_every_command_and_where_to_read_on(run):
    _, out, _ = run("--help")
    lines = [line.split() for line in out.splitlines()]
    for command in COMMANDS:
        assert any(words[:1] == [command] and len(words) > 3 for words in lines)
    for heading in ("examples", "files", "environment", "exit codes", "see also, in the project"):
        assert f"\n{heading}" in out


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_options_of_examples_exist(run, command):
    parser = make_parser()
    _, out, _ = run(*([command] if command else []), "--help")
    joined = out.replace("\\\n", " ").splitlines()
    calls = [line.partition("sparsecross ")[2] for line in joined if line.startswith("  ")]
    calls = [call for call in calls if call.split()[:1] and call.split()[0] in COMMANDS]
    assert calls
    for call in calls:
        words = call.partition("|")[0].replace("'", "").split()
        assert parser.parse_args(words).run


def complete(script, *words):
    """What bash offers for the last of the words, the script having been sourced."""
    quoted = " ".join(f"'{word}'" for word in words)
    lines = (
        f"source '{script}'",
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}",
        "function=$(complete -p sparsecross | sed 's/.*-F \\([^ ]*\\).*/\\1/')",
        "COMPREPLY=(); $function; printf '%s\\n' \"${COMPREPLY[@]}\"",
    )
    found = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(lines)],
        cwd=script.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return {word.rstrip("/") for word in found.stdout.split()}


def test_bash_completes_commands_options_choices_and_files(run, tmp_path):
    pytest.importorskip("shtab")
    code, out, _ = run("--print-completion", "bash")
    assert code == 0
    script = tmp_path / "completion.sh"
    script.write_text(out)
    (tmp_path / "flats.csv").touch()
    assert set(COMMANDS) <= complete(script, "sparsecross", "")
    assert complete(script, "sparsecross", "pre") == {"predict"}
    assert complete(script, "sparsecross", "fit", "--max-b") == {"--max-bytes"}
    assert complete(script, "sparsecross", "fit", "--dtype", "float1") == {"float16"}
    assert complete(script, "sparsecross", "fit", "fla") == {"flats.csv"}
    assert complete(script, "sparsecross", "predict", "m.sxm", "fla") == {"flats.csv"}
    assert complete(script, "sparsecross", "fit", "flats.csv", "-o", "fla") == {"flats.csv"}
    # A field is no file.
    assert complete(script, "sparsecross", "fit", "flats.csv", "--target", "fla") == set()


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(run, shell):
    pytest.importorskip("shtab")
    code, out, _ = run("--print-completion", shell)
    assert code == 0
    for command in COMMANDS:
        assert command in out


def test_completion_without_its_library_and_of_an_unknown_shell(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    code, out, err = run("--print-completion", "bash")
    assert (code, out) == (1, "")
    assert err == (
        "sparsecross: error: --print-completion needs shtab: pip install 'sparsecross[cli]'\n"
    )
    code, _, err = run("--print-completion", "dos")
    assert code == 2
    assert "invalid choice: 'dos'" in err
