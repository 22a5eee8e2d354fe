#!/usr/bin/env python3
"""Plants the faults of faults.toml, one at a time, and measures whether the named checks catch them.

    python3 tests/mutations/run.py              all faults; writes reports/mutations/README.md
    python3 tests/mutations/run.py ties noise   those whose description has one of these words; writes nothing

Every fault is compiled into one copy of the repository, in target/mutations, and is asleep until the variable MULTIVIEW_FAULT names it:
one build serves all. A check must pass in the copy while all faults are asleep, and fail with its fault awake; it is also stopped, and
counts as failed, when it takes ten times as long as before and a minute at least.
"""

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "mutations"
COPY = WORK / "source"
PARTS = ["Cargo.toml", "Cargo.lock", "CHANGELOG.md", "CITATION.cff", "README.md", "src", "examples", "tests", "theorems", "benches", "reports"]

ASLEEP = '''
/// True if the fault of this number is awake.
#[inline(always)]
pub(crate) fn planted(fault: u32) -> bool {
    static AWAKE: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        let awake = std::env::var("MULTIVIEW_FAULT");
        awake.ok().and_then(|number| number.parse().ok()).unwrap_or(0)
    });
    *AWAKE == fault
}
'''


def place(fault, source):
    """Where the text of a fault starts; it must be found, and found once."""
    start = 0
    if after := fault.get("after"):
        if source.count(after) != 1:
            sys.exit(f"{fault['file']}: {after!r} stands {source.count(after)} times, not once")
        start = source.index(after) + len(after)
    elif source.count(fault["text"]) != 1:
        sys.exit(f"{fault['file']}: {fault['text']!r} stands {source.count(fault['text'])} times, not once")
    found = source.find(fault["text"], start)
    if found < 0:
        sys.exit(f"{fault['file']}: {fault['text']!r} is not found behind {fault['after']!r}")
    return found


def plant(faults):
    """Brings the copy up to date, with every fault hidden in it. What has not changed is left alone, so that it is not built again."""
    places = {}
    for number, fault in enumerate(faults, 1):
        source = (ROOT / fault["file"]).read_text()
        key = (place(fault, source), fault["text"])
        places.setdefault(fault["file"], {}).setdefault(key, []).append((number, fault["becomes"]))
    sources = [path for part in PARTS for path in [ROOT / part, *(ROOT / part).rglob("*")] if path.is_file()]
    wanted = {path.relative_to(ROOT): path.read_bytes() for path in sources}
    for file, planted in places.items():
        source = wanted[Path(file)].decode()
        # From the last place to the first, so that those before stay where they are.
        for (start, text), choices in sorted(planted.items(), reverse=True):
            awake = "".join(f"if crate::planted({number}) {{ {becomes} }} else " for number, becomes in choices)
            source = source[:start] + f"({awake}{{ {text} }})" + source[start + len(text):]
        wanted[Path(file)] = source.encode()
    wanted[Path("src/lib.rs")] += ASLEEP.encode()
    for old in [path for path in COPY.rglob("*") if path.is_file()]:
        if old.relative_to(COPY) not in wanted:
            old.unlink()
    for file, content in wanted.items():
        path = COPY / file
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def build():
    """Builds the copy's tests; the two programs by name."""
    command = ["cargo", "test", "--no-run", "--lib", "--test", "suite", "--message-format", "json"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(WORK / "target")}
    built = subprocess.run(command, cwd=COPY, env=environment, stdout=subprocess.PIPE, text=True)
    if built.returncode:
        sys.exit("the copy does not build: see above")
    programs = {}
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] in ("multiview", "suite"):
            kind = "suite" if message["target"]["name"] == "suite" else "lib"
            if message["profile"]["test"]:
                programs[kind] = message["executable"]
    return programs


def run(programs, check, fault, limit):
    """Whether a check passes with this fault awake, 0 for none, and the seconds it took."""
    program, test = check.split()
    command = [programs[program], "--exact", test]
    environment = {**os.environ, "MULTIVIEW_FAULT": str(fault)}
    started = time.monotonic()
    try:
        done = subprocess.run(command, cwd=COPY, env=environment, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return False, time.monotonic() - started
    seen = re.search(r"(\d+) passed; (\d+) failed", done.stdout)
    if fault == 0 and (not seen or seen.group(1, 2) != ("1", "0")):
        sys.exit(f"{check} does not pass while all faults are asleep:\n{done.stdout}{done.stderr}")
    return done.returncode == 0, time.monotonic() - started


def main():
    faults = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["faults"]
    words = sys.argv[1:]
    plant(faults)
    programs = build()
    usual, rows, survivors = {}, [], 0
    for number, fault in enumerate(faults, 1):
        if words and not any(word in fault["fault"] for word in words):
            continue
        check = fault["check"]
        if check not in usual:
            usual[check] = run(programs, check, 0, None)[1]
        passed, seconds = run(programs, check, number, max(60, 10 * usual[check]))
        survivors += passed
        caught = "**not caught**" if passed else f"`{check.split()[1]}`"
        rows.append(f"| {number} | {fault['fault']} | `{fault['file']}` | {caught} |")
        print(f"{number:3} {'SURVIVES' if passed else 'caught'} in {seconds:.1f} s: {fault['fault']}", flush=True)
    print(f"{len(rows) - survivors} of {len(rows)} faults are caught")
    if not words:
        report(rows, survivors)
    return survivors > 0


def report(rows, survivors):
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
    text = f"""# Mutations of the theory

Each row is a deliberate fault of the science, planted alone in a copy of version {version}, and the test that caught it: the test passed
in the same copy with every fault asleep, and failed with this one awake. {len(rows) - survivors} of {len(rows)} faults were caught.

`python3 tests/mutations/run.py` makes this table again; the faults are in `tests/mutations/faults.toml`.

| | fault | where | caught by |
|---|---|---|---|
"""
    folder = ROOT / "reports" / "mutations"
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(text + "\n".join(rows) + "\n")


if __name__ == "__main__":
    sys.exit(main())
