"""`python -m tests.campaign`: the whole campaign, in batches that can be interrupted."""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections import Counter
from pathlib import Path

from tests.campaign.campaign import BATCH, Campaign, Tally, store
from tests.campaign.gate import REPOSITORY, Gate

_SOURCES = ("pytest_detgate", "checks", "fixtures", "templates", "tests/campaign")


def main() -> int:
    """Run what is left of the campaign; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".campaign")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--no-shrink", action="store_true", help="count faults, and no more")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    progress = options.folder / f"progress-{_version()}.json"
    done, total = _read(progress)
    seed = max([options.first_seed - 1, *done]) + 1
    with tempfile.TemporaryDirectory(prefix="campaign-") as scratch, Gate(Path(scratch)) as gate:
        campaign = Campaign(gate, shrink=not options.no_shrink)
        while total.cases.total() < options.cases:
            total.add(campaign.run(seed))
            done.append(seed)
            seed += 1
            _write(progress, done, total)
            store(campaign.smallest.items(), options.folder / "found")
            if not len(done) % 10:
                print(_line(total, options.cases), flush=True)
    print(_summary(total))
    print(f"the smallest case of each fault is in {options.folder / 'found'}")
    return 1 if total.faults.total() else 0


def _version() -> str:
    """A digest of the code that is tried and of the code that tries it."""
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.suffix in (".py", ".j2", ".css", ".js") and path.is_file():
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _read(progress: Path) -> tuple[list[int], Tally]:
    if not progress.exists():
        return [], Tally()
    content = json.loads(progress.read_text())
    counts = {name: Counter(content[name]) for name in vars(Tally()) if name != "seconds"}
    return content["seeds"], Tally(**counts, seconds=content["seconds"])


def _write(progress: Path, done: list[int], total: Tally) -> None:
    new = progress.with_suffix(".new")
    new.write_text(json.dumps({"seeds": done, **vars(total)}))
    new.replace(progress)


def _line(total: Tally, wanted: int) -> str:
    cases = total.cases.total()
    faults = ", ".join(f"{count} {kind}" for kind, count in total.faults.most_common())
    return (
        f"{cases} of {wanted} cases, {cases / total.seconds:.1f} a second: {faults or 'no fault'}"
    )


def _summary(total: Tally) -> str:
    lines = ["cases by damage:"]
    lines += [f"{count:7} {name}" for name, count in sorted(total.cases.items())]
    lines.append("verdicts:")
    lines += [f"{count:7} {name}" for name, count in total.verdicts.most_common()]
    lines.append("faults by kind, in so many cases:")
    for kind in ("wrong pass", "traceback", "crash", "hang"):
        total.faults.setdefault(kind, 0)
    lines += [f"{count:7} {kind}" for kind, count in total.faults.most_common()]
    lines.append("faults:")
    lines += [f"{count:7} {signature}" for signature, count in total.signatures.most_common()]
    lines.append(f"{total.cases.total()} cases in {total.seconds:.0f} s, batches of {BATCH}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
