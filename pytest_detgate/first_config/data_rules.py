"""Rules on the data: the recommended ones, with the faults that are known today as limits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_detgate.counts import with_count
from pytest_detgate.dataset.images.names import names_in
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.first_config.draft import Table
from pytest_detgate.first_config.layouts.splits import split_word
from pytest_detgate.first_config.limits import KNOWN, floor_of
from pytest_detgate.first_config.measuring import MeasuredItem, Measuring
from pytest_detgate.first_config.reading import ReadSplits
from pytest_detgate.gaps import GapKind
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.documentation.rule_page import rule_page
from pytest_detgate.rules.families import SplitRule
from pytest_detgate.rules.recommended import RECOMMENDED
from pytest_detgate.rules.registry import RuleRegistry

EMPTY_SHARE = "empty-gt-share"
IMAGE_FILES = "image-files"
DANGLING = "dangling-annotations"
MOST_WORDS = 10
"""Words of a comment."""
_ALLOWED: dict[str, GapKind] = {
    "max-unlabelled": "images-without-labels",
    "max-unboxed": "shapes-not-boxes",
}
"""Options that allow what is left out of a split, by name."""
_ALLOWED_WORDS = {
    "max-unlabelled": f"images without label file: {KNOWN}",
    "max-unboxed": f"images with shapes that are no boxes: {KNOWN}",
}
_NO_IMAGES = "no image is here; delete this where they are"


@dataclass(slots=True)
class DataRules:
    """Tables of rules by code, and what is to say of them: `first` before all else, `blocking` are
    leaks and unreadable files, `known` faults that are accepted, `left_out` what cannot be
    evaluated."""

    tables: dict[str, Table] = field(default_factory=dict)
    first: list[str] = field(default_factory=list)
    blocking: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def choose_data_rules(measuring: Measuring, read: ReadSplits) -> DataRules:
    """Judge the recommended rules and accept the faults that the data have; leaks and unreadable
    files stay as they are."""
    return _Chooser(measuring, read).choose()


class _Chooser:
    def __init__(self, measuring: Measuring, read: ReadSplits) -> None:
        self._measuring = measuring
        self._datasets = read.datasets.values()
        self._unreadable = read.unreadable()
        self._allowed = {option: (gap, read.number_of(gap)) for option, gap in _ALLOWED.items()}
        self._registry = RuleRegistry()
        self._rules = DataRules()

    def choose(self) -> DataRules:
        self._rules.blocking += [f"{name}: {text}" for name, text in self._unreadable.items()]
        allowed = {code: options for code in RECOMMENDED if (options := self._allowing(code))}
        items = self._measuring.judge(allowed, recommended=True)
        by_code: dict[str, list[MeasuredItem]] = {}
        for item in items:
            by_code.setdefault(item.rule.code, []).append(item)
        has_images = not _are_absent(self._datasets, by_code.get(IMAGE_FILES, []))
        for item in by_code.get(IMAGE_FILES, []):
            self._note_frames(item)
        if not has_images:
            self._rules.first.append("no image of the data set is here, so no rule looks at them")
        for code, group in by_code.items():
            if group[0].rule.never_accepted and not has_images and _needs_images(group):
                self._switch_off(code, _NO_IMAGES)
            else:
                self._choose(code, group, allowed.get(code, {}))
        self._choose_empty_share()
        self._rules.known += [
            f"{split}: {with_count(count, 'images have shapes that are no boxes')} (max-unboxed)"
            for split, count in self._allowed["max-unboxed"][1].items()
        ]
        return self._rules

    def _allowing(self, code: str) -> dict[str, Any]:
        """The options of a rule that allow images without labels, or with shapes that are no boxes,
        where there are some that make a difference to it."""
        kind = self._registry.rule(code)
        if not issubclass(kind, SplitRule):
            return {}
        return {
            option: max(counts.values())
            for option, (gap, counts) in self._allowed.items()
            if counts and gap not in kind.ignored_gaps
        }

    def _note_frames(self, item: MeasuredItem) -> None:
        """Say how many images have more than the one frame that is used."""
        if count := int(item.values.get("several_frames", 0)):
            text = with_count(count, "images have several frames or pages")
            self._rules.notes.append(f"{item.label}: {text}; the first is used")

    def _choose(self, code: str, group: Sequence[MeasuredItem], options: dict[str, Any]) -> None:
        rule = group[0].rule
        failed = {item.label: item.values for item in group if item.result.verdict == "failed"}
        known = rule.known_today(failed)
        if known:
            options = options | known
            group = self._measuring.judge({code: options})
        left = [item for item in group if item.result.verdict not in ("passed", "warned")]
        # A rule that crashes has found nothing out: it stays on.
        stays = [item for item in left if rule.never_accepted or item.has_crashed]
        self._block(stays)
        if len(stays) < len(left):
            unevaluated = [item for item in left if item not in stays]
            options = self._without(code, group, unevaluated, options)
        if options:
            self._write(code, options)
        for label in failed:
            if known and label in options.get("splits", failed) and "enabled" not in options:
                self._rules.known.append(f"{code}[{label}]: {_counts_of(known, label)}")

    def _block(self, left: Sequence[MeasuredItem]) -> None:
        """Say what does not pass, except what an unreadable split explains."""
        for item in left:
            if not self._is_explained(item):
                self._rules.blocking.append(f"{item.result.id}: {item.result.message}")

    def _is_explained(self, item: MeasuredItem) -> bool:
        """Whether an item that does not pass may pass once its splits can be read whole."""
        is_whole = item.is_evaluated and item.result.looked_at == item.result.to_look_at
        may_pass = not is_whole or item.rule.code == DANGLING
        return may_pass and bool(set(item.target.datasets) & set(self._unreadable))

    def _without(
        self,
        code: str,
        group: Sequence[MeasuredItem],
        left: Sequence[MeasuredItem],
        options: dict[str, Any],
    ) -> dict[str, Any]:
        """The options without the splits that cannot pass for another reason than an unreadable
        file; a rule without any split left is switched off."""
        lost = [item for item in left if not self._is_explained(item)]
        if not lost:
            return options
        self._rules.left_out += [f"{item.result.id}: {item.result.message}" for item in lost]
        names = [item.label for item in group if item not in lost]
        if not names:
            return {"enabled": False}
        known = {
            name: count for name, count in options.get("max-by-split", {}).items() if name in names
        }
        others = {key: value for key, value in options.items() if key != "max-by-split"}
        return {"splits": names} | others | ({"max-by-split": known} if known else {})

    def _write(self, code: str, options: Mapping[str, Any]) -> None:
        why = {
            "enabled": "cannot be evaluated today; see the note above",
            "splits": "the others cannot be evaluated today; see above",
            **_ALLOWED_WORDS,
        }
        notes = [text for text in self._rules.left_out if text.startswith(f"{code}[")]
        self._rules.tables[code] = Table(
            why=self._purpose(code),
            values={
                key: (value, why.get(key) or f"{_words(value)}: {KNOWN}")
                for key, value in options.items()
            },
            notes=notes,
        )

    def _purpose(self, code: str) -> str:
        """What a rule asks for, where that is short."""
        summary = rule_page(self._registry.rule(code)).summary.rstrip(".")
        is_short = len(summary.split()) <= MOST_WORDS
        if not is_short:
            return "recommended; this table replaces its defaults"
        return summary[:1].lower() + summary[1:]

    def _switch_off(self, code: str, why: str) -> None:
        table = Table(why=self._purpose(code), values={"enabled": (False, why)})
        self._rules.tables[code] = table

    def _choose_empty_share(self) -> None:
        """A floor for the share of training images without annotation."""
        split = self._measuring.project.training_split
        if split is None or split in self._unreadable:
            return
        if len(self._measuring.project.splits) == 1 and split_word(split) not in (None, "train"):
            return  # nothing is trained on it
        allowing = {
            option: counts[split]
            for option, (_, counts) in self._allowed.items()
            if split in counts
        }
        options = {"splits": [split], "min": 0.0, **allowing}
        (item,) = self._measuring.judge({EMPTY_SHARE: options})
        share = next(
            (
                measurement
                for measurement in item.result.measurements
                if measurement.name == "share"
            ),
            None,
        )
        if share is None or not item.is_evaluated:
            return
        floor = floor_of(share, None)
        if floor is None:
            self._rules.notes.append(
                f"every image of {split} has an annotation: a detector learns that there is "
                "always one"
            )
            return
        table = Table(
            why="training needs images with nothing to detect",
            values={
                "splits": ([split], "the split that the model learns from"),
                "min": (floor.value, f"share without annotation: {floor.why}"),
            },
        )
        for option, count in allowing.items():
            table.values[option] = (count, _ALLOWED_WORDS[option])
        self._rules.tables[EMPTY_SHARE] = table


def _are_absent(datasets: Collection[Dataset], items: Sequence[MeasuredItem]) -> bool:
    """Whether no image of any split is there, nor any other image in the folders named for them:
    where there are some, the names or the folders are wrong."""
    return (
        bool(items)
        and all(item.values.get("missing", 0) == item.values.get("images") for item in items)
        and not any(
            names_in(dataset.images_dir, dataset.image_options).names for dataset in datasets
        )
    )


def _needs_images(items: Sequence[MeasuredItem]) -> bool:
    """Whether items of a rule that finds leaks or bad files fail without the image files."""
    return items[0].rule.code == IMAGE_FILES or not any(item.is_evaluated for item in items)


def _counts_of(known: Mapping[str, Any], split: str) -> str:
    """The counts that are accepted in a split."""
    own = known.get("max-by-split", {}).get(split)
    others = [f"{key} {value}" for key, value in known.items() if key != "max-by-split"]
    return ", ".join([*([] if own is None else [counted(own, "fault")]), *others])


def _words(value: Any) -> str:
    """What is accepted, counted."""
    total = sum(value.values()) if isinstance(value, Mapping) else value
    return counted(total, "fault")
