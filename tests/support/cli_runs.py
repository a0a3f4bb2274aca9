"""The command line, run as its users do: in a pipe, in a terminal, interrupted."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import jsonschema
import numpy as np
import pytest

from hscore_fast.cli import main

ROWS, COLUMNS, CLASSES = 60, 5, 3
CALL = "from hscore_fast.cli import main; raise SystemExit(main())"


def features_and_labels():
    random = np.random.default_rng(7)
    labels = random.integers(0, CLASSES, ROWS)
    return random.normal(size=(ROWS, COLUMNS)) + labels[:, None], labels


def run(capsys, *words):
    """Run the command here, with its output in a pipe of a kind; return code, out and err."""
    code = main(words)
    out, err = capsys.readouterr()
    return code, out, err


def command(*words, code=CALL):
    return [sys.executable, "-c", code, *words]


def in_pipe(*words, code=CALL, **changes):
    """Run the command in a process of its own whose output is two pipes."""
    return subprocess.run(
        command(*words, code=code),
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )


def environment(**changes):
    """Return an environment in which no variable of the caller's changes the output."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("FORCE_", "TTY_", "NO_COLOR"))}
    return {**keep, "TERM": "xterm", "COLUMNS": "80", "PYTHONUTF8": "1", **changes}


def in_terminal(*words, columns=80, code=CALL):
    """Run the command in a pseudo-terminal; return its code and what it wrote, less the colours."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command(*words, code=code),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment(COLUMNS=str(columns)),
    )
    os.close(follower)
    written = b""
    with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
        while piece := os.read(leader, 65536):
            written += piece
    os.close(leader)
    text = written.decode().replace("\r\n", "\n").replace("\r", "\n")
    return process.wait(), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def assert_one_line(err, *parts):
    assert err.startswith("hscore-fast: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err


def assert_refused(capsys, words, parts):
    """The command says what is wrong in one line, prints no result and ends with code 2."""
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert_one_line(err, *parts)


def assert_interrupted(*words, stub):
    """Interrupt the command while it is in `stub`, a name such as "hscore_fast.h_score"."""
    if os.name == "nt":
        pytest.skip("signals are sent otherwise there")
    module, _, name = stub.rpartition(".")
    code = (
        f"import time, {module}\n"
        "def computing(*args, **options):\n"
        "    print('computing', flush=True)\n"
        "    time.sleep(60)\n"
        f"{module}.{name} = computing\n{CALL}"
    )
    with subprocess.Popen(
        command(*words, code=code), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "computing\n"
        time.sleep(0.05)  # so that it sleeps as well; the signal counts either way
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "hscore-fast: interrupted\n")


NUMBER = {"type": "number"}
TEXT = {"type": "string"}
TRUTH = {"type": "boolean"}
COUNT = {"type": "integer", "minimum": 0}
SCORE = {"type": "number", "minimum": 0}
SECONDS = {"type": "number", "exclusiveMinimum": 0}


def record(**properties):
    """Return the schema of an object that has these properties, all of them and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def maybe(schema):
    """Return the schema of what may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def assert_fits(value, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(value, schema, jsonschema.Draft202012Validator)
