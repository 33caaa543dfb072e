"""`python -m tests.campaign.mutants [NAME ...]`: which changes of the deciding code no test sees.

mutmut makes and tries them. Each that survives is looked up in `survivors.md`, which says why no
test can tell it from the original. Interrupted, it goes on where it was; where the code or a test
has changed since, it begins again. Names, with `*` for any letters, try all of these mutants again.
With `--sample` so many are drawn by chance, of the names where there are any: what it gives is an
estimate. The same seed draws the same mutants of the same code.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from scipy import stats

LEAST = 0.95
REASONS = Path(__file__).with_name("survivors.md")
RESULTS = Path("mutants")
"""mutmut's folder."""
_LOG = Path(".mutants.log")
DECIDES = ("pytest_detgate", "checks", "fixtures", "templates", "tests", "pyproject.toml")
"""What a result depends on."""
_KILLED = frozenset({"killed", "timeout", "segfault", "caught by type check"})
_NOT_TRIED = frozenset({"not checked", "check was interrupted by user"})


_NO_MUTANT = "no mutant is called so"


def main(arguments: Sequence[str]) -> int:
    """Try the mutants, and print the share killed and the survivors without a reason; 1 where the
    share is too small, a reason is missing, or mutants were not tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--sample", type=int, metavar="COUNT", help="so many by chance")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    options = parser.parse_args(arguments)
    names: list[str] = options.names
    discard_results_of_others(RESULTS, digest_of(Path()))
    population = 0
    if options.sample is not None:
        # mutmut makes the mutants before it looks for the names, and ends there.
        _run([_NO_MUTANT])
        status = results(_mutmut("results", "--all", "true"), names)
        names, population = drawn(sorted(status), options.sample, options.seed), len(status)
        waiting = [name for name in names if status[name] in _NOT_TRIED]
    else:
        waiting = names
    code = _run(waiting) if waiting or not population else 0
    if code:
        print(f"mutmut ended with {code}; {_LOG} says why")
        return 1
    status = results(_mutmut("results", "--all", "true"), names)
    survivors = {
        name: _change(name)
        for name, kind in status.items()
        if kind not in _KILLED and kind not in _NOT_TRIED
    }
    text, failed = summary(status, survivors, listed(REASONS.read_text("utf-8")))
    if population:
        text += f"\n{estimate(status, population, options.seed)}"
    print(text)
    return int(failed)


def _run(names: Sequence[str]) -> int:
    with _LOG.open("w") as output:
        command = [sys.executable, "-m", "mutmut", "run", *names]
        return subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode


def drawn(names: Sequence[str], count: int, seed: int) -> list[str]:
    """So many of the names by chance, or all where there are no more."""
    return random.Random(seed).sample(names, min(count, len(names)))


def estimate(status: dict[str, str], population: int, seed: int) -> str:
    """What the status of the mutants of a sample says of all of them, with 95% bounds (Clopper and
    Pearson)."""
    tried = [kind for kind in status.values() if kind not in _NOT_TRIED and kind != "skipped"]
    killed = sum(kind in _KILLED for kind in tried)
    if not tried:
        return "an estimate needs a mutant that was tried"
    bounds = stats.binomtest(killed, len(tried)).proportion_ci(0.95, "exact")
    return (
        f"an estimate from a sample of {len(status)} of {population} mutants, seed {seed}: "
        f"{killed / len(tried):.1%} are killed, 95% bounds {bounds.low:.1%} to {bounds.high:.1%}"
    )


def digest_of(root: Path) -> str:
    """The digest of all files that a result depends on; the list of reasons is none of them."""
    paths = [path for name in DECIDES for path in (root / name, *(root / name).rglob("*"))]
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        if path.name != REASONS.name and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(root)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def discard_results_of_others(folder: Path, digest: str) -> None:
    """Remove the results of other files: mutmut would take a mutant for killed though the test that
    killed it is gone."""
    mark = folder / "digest"
    if folder.is_dir() and not (mark.is_file() and mark.read_text() == digest):
        shutil.rmtree(folder)
    folder.mkdir(exist_ok=True)
    mark.write_text(digest)


def results(lines: str, names: Sequence[str]) -> dict[str, str]:
    """The status of each mutant by its name, of some names only where there are any."""
    pairs = [line.strip().rpartition(": ") for line in lines.splitlines() if ": " in line]
    wanted = names or ["*"]
    return {
        name: status for name, _, status in pairs if any(fnmatch(name, some) for some in wanted)
    }


def listed(reasons: str) -> set[str]:
    """The changes that `survivors.md` lists: its blocks of code."""
    return set(re.findall(r"^```\n(.*?)\n```$", reasons, re.DOTALL | re.MULTILINE))


def summary(
    status: dict[str, str], survivors: dict[str, str], reasons: set[str]
) -> tuple[str, bool]:
    """What is printed of the status of each mutant and of the change of each survivor, and whether
    that is too little."""
    counts = Counter(status.values())
    killed = sum(counts[kind] for kind in _KILLED)
    waiting = sum(counts[kind] for kind in _NOT_TRIED)
    tried = len(status) - waiting - counts["skipped"]
    unexplained = [change for change in survivors.values() if change not in reasons]
    lines = [
        ", ".join(f"{count} {kind}" for kind, count in counts.most_common()),
        f"{killed} of {tried} mutants killed: {killed / max(tried, 1):.2%}",
        f"{len(survivors)} survivors, {len(unexplained)} without a reason in {REASONS.name}",
    ]
    if waiting:
        lines.append(f"{waiting} were not tried; without names, `make mutants` goes on with them")
    lines += [f"\n{change}" for change in unexplained]
    return "\n".join(lines), bool(waiting or unexplained or killed < LEAST * tried or not tried)


def _change(name: str) -> str:
    """A mutant as it is written in the list: its function, and the lines that differ."""
    function = name.partition("__mutmut")[0]
    lines = _mutmut("show", name).splitlines()
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join([function, *(f"{line[0]} {line[1:].strip()}" for line in changed)])


def _mutmut(*arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
