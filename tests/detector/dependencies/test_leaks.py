"""Ways to look at the world that the record of accesses did not see at first.

Each model answers 0.25, and 0.75 once something has changed; the gate must not use the cached
detections then. The comparison with the model is switched off, which would notice it, too.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_detgate.detector.cached import detector as cached_detector
from pytest_detgate.detector.cached.comparison import Comparison
from tests.detector.dependencies.test_dependencies import Site, forget_modules

Change = Callable[[Path], object]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cached_detector, "compare", lambda _, images, __: Comparison(len(images)))
    yield Site(tmp_path)
    forget_modules()


def write(name: str, text: str = "0.75") -> Change:
    return lambda folder: (folder / name).write_text(text)


def link(folder: Path) -> None:
    (folder / "flag").symlink_to("nowhere")


def require_seen(site: Site, change: Change) -> None:
    assert site.score() == (0.25, 1)
    assert site.score() == (0.25, 0)
    change(site.folder)
    assert site.score() == (0.75, 1)


READ = 'float((HERE / "w" / "w.txt").read_text())'


@pytest.mark.parametrize(
    "before",
    [
        '(HERE / "w").mkdir(exist_ok=True)',
        'os.makedirs(HERE / "w", exist_ok=True)',
        """
        try:
            open(HERE / "w" / "w.txt", "x")
        except FileExistsError:
            pass
        """,
        """
        try:
            os.symlink("other.txt", HERE / "w" / "w.txt")
        except FileExistsError:
            pass
        """,
        """
        try:
            os.mkdir(HERE)
        except OSError:
            pass
        """,
        """
        try:
            open(HERE / "w", "w")
        except OSError:
            pass
        """,
        """
        try:
            os.rename(HERE / "w" / "none", HERE / "w")
        except OSError:
            pass
        """,
        """
        import tempfile
        tempfile.TemporaryFile(dir=HERE / "w").close()
        """,
        'open(HERE / "w" / "w.txt", "a").close()',
    ],
)
def test_what_exists_already_is_not_made_by_the_model(site: Site, before: str) -> None:
    site.write("w/w.txt", "0.25")
    lines = "\n".join(line[8:] if line.startswith(" " * 8) else line for line in before.split("\n"))
    site.detector(f"{lines.strip()}\nreturn {READ}")

    require_seen(site, write("w/w.txt"))


def test_a_link_in_a_folder_that_the_model_made(site: Site) -> None:
    site.write("w.txt", "0.25")
    site.detector(
        """
        import tempfile
        with tempfile.TemporaryDirectory() as made:
            os.symlink(HERE / "w.txt", Path(made, "w.txt"))
            return float(Path(made, "w.txt").read_text())
        """
    )

    require_seen(site, write("w.txt"))


@pytest.mark.parametrize(
    ("made", "change"),
    [
        ('0.75 if os.access(HERE / "flag", os.R_OK) else 0.25', write("flag")),
        ('0.75 if os.path.lexists(HERE / "flag") else 0.25', write("flag")),
        ('0.75 if os.path.islink(HERE / "flag") else 0.25', link),
        ('0.75 if (HERE / "flag").is_symlink() else 0.25', link),
        ('0.75 if os.path.getsize(HERE / "n.bin") > 5 else 0.25', write("n.bin", "0123456789")),
        ('0.75 if os.stat(HERE / "n.bin").st_size > 5 else 0.25', write("n.bin", "0123456789")),
        ('0.75 if (HERE / "n.bin").stat().st_size > 5 else 0.25', write("n.bin", "0123456789")),
        (
            '0.75 if importlib.util.find_spec("site_extra") else 0.25',
            write("site_extra.py", ""),
        ),
        ('0.75 if glob.glob1(str(HERE), "*.flag") else 0.25', write("a.flag")),
        ('0.75 if ".flag" in os.listdir(HERE / "images") else 0.25', write("images/.flag")),
        (
            '0.75 if [p for p in HERE.glob("images/*") if p.name == ".flag"] else 0.25',
            write("images/.flag"),
        ),
        (
            """
            with ThreadPoolExecutor(1) as pool:
                found = list(pool.map(os.path.exists, [str(HERE / "flag")]))
            return 0.75 if found[0] else 0.25
            """,
            write("flag"),
        ),
        (
            """
            folder = os.open(HERE / "images", os.O_RDONLY)
            file = os.open("../n.bin", os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            return 0.75 if len(os.fdopen(file).read()) > 5 else 0.25
            """,
            write("n.bin", "0123456789"),
        ),
        ('float(pkgutil.get_data("site_package", "w.txt"))', write("site_package/w.txt")),
        (
            'SourceFileLoader("site_late", str(HERE / "n.conf")).load_module().SCORE',
            write("n.conf", "SCORE = 0.75\n"),
        ),
    ],
)
def test_other_questions(site: Site, made: str, change: Change) -> None:
    site.write("n.bin", "1")
    site.write("n.conf", "SCORE = 0.25")
    site.write("site_package/__init__.py", "")
    site.write("site_package/w.txt", "0.25")
    site.detector(
        made if "\n" in made else f"return {made}",
        top="""
        import importlib.util, pkgutil
        from concurrent.futures import ThreadPoolExecutor
        from importlib.machinery import SourceFileLoader
        """,
    )

    require_seen(site, change)


@pytest.mark.parametrize(
    "read",
    [
        'os.path.basename(os.readlink(HERE / "now"))',
        'os.path.basename(os.path.realpath(HERE / "now"))',
        '(HERE / "now").resolve().name',
    ],
)
def test_the_target_of_a_link(site: Site, read: str) -> None:
    for name in ("v1", "v2"):
        site.write(f"{name}/x", "")
    (site.folder / "now").symlink_to("v1")
    site.detector(f'return 0.25 if {read} == "v1" else 0.75')

    def turn(folder: Path) -> None:
        (folder / "now").unlink()
        (folder / "now").symlink_to("v2")

    require_seen(site, turn)


def test_a_module_in_a_zip_file(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(score: str) -> None:
        with zipfile.ZipFile(site.folder / "lib.zip", "w") as file:
            file.writestr("site_extra.py", f"SCORE = {score}\n")

    pack("0.25")
    monkeypatch.syspath_prepend(site.folder / "lib.zip")
    site.detector("import site_extra\nreturn site_extra.SCORE")

    require_seen(site, lambda _: pack("0.75"))


@pytest.mark.parametrize("in_log", [False, True])
def test_a_database(site: Site, in_log: bool) -> None:
    path = site.folder / "w.db"
    connection = sqlite3.connect(path)
    if in_log:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
    connection.execute("create table w (score)")

    def put(score: float) -> None:
        connection.execute("delete from w")
        connection.execute("insert into w values (?)", (score,))
        connection.commit()

    put(0.25)
    uri = "" if in_log else "file:"
    site.detector(
        f"""
        import sqlite3
        found = sqlite3.connect(f"{uri}{{HERE}}/w.db", uri={not in_log})
        (score,) = found.execute("select score from w").fetchone()
        found.close()
        return score
        """
    )
    first = site.detect()
    put(0.75)
    second = site.detect()
    connection.close()

    scores = [[entry.score.tolist() for entry in run.values()] for run in (first, second)]  # type: ignore[union-attr]
    assert scores == [[[0.25]], [[0.75]]]


@pytest.mark.parametrize(
    "read",
    [
        """
        with ThreadPoolExecutor(1) as pool:
            return float(pool.submit(os.environ.get, "SITE_SCORE", "0.25").result())
        """,
        "return float(Settings().score)",
        'return float(sys_call("SITE_SCORE"))',
    ],
)
def test_variables_without_a_frame_of_the_project(
    site: Site, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    site.detector(
        read,
        top="""
        from concurrent.futures import ThreadPoolExecutor
        from dataclasses import dataclass, field
        from functools import partial
        sys_call = partial(os.environ.get, "SITE_SCORE", "0.25")
        sys_call = lambda name, read=sys_call: read()

        @dataclass
        class Settings:
            score: str = field(default_factory=partial(os.environ.get, "SITE_SCORE", "0.25"))
        """,
    )
    monkeypatch.delenv("SITE_SCORE", raising=False)

    require_seen(site, lambda _: monkeypatch.setenv("SITE_SCORE", "0.75"))


def test_a_variable_that_names_a_machine_of_ci(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those that CI itself sets are nobody's setting."""
    site.write("lib/site-packages/site_package.py", "import os\nask = os.environ.get\n")
    site.write("lib/site-packages/site_package.py", "import os\ndef ask(n): return os.environ[n]\n")
    monkeypatch.syspath_prepend(site.folder / "lib" / "site-packages")
    site.detector('import site_package\nreturn float(site_package.ask("RUNNER_SCORE"))')
    monkeypatch.setenv("RUNNER_SCORE", "0.25")

    require_seen(site, lambda _: monkeypatch.setenv("RUNNER_SCORE", "0.75"))


@pytest.mark.parametrize(
    "copy",
    [
        "dict(os.environ)",
        "os.environ.copy()",
        "{**os.environ}",
        "{name: value for name, value in os.environ.items() if name[:5] == 'SITE_'}",
        "[os.environ[name] for name in os.environ if name[:5] == 'SITE_']",
    ],
)
def test_a_copy_of_the_environment_in_the_next_run_of_ci(
    site: Site, monkeypatch: pytest.MonkeyPatch, copy: str
) -> None:
    site.detector(f"{copy}\nreturn 0.25")
    scores = []
    for number in range(2):
        for name in ("GITHUB_SHA", "GITHUB_RUN_ID", "CI_JOB_ID", "BUILD_NUMBER"):
            monkeypatch.setenv(name, str(number))
        scores.append(site.score())

    assert scores == [(0.25, 1), (0.25, 0)]
    monkeypatch.setenv("SITE_OTHER", "1")
    assert site.score() == (0.25, 1)


def test_a_variable_of_ci_that_is_read_by_its_name(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.detector('dict(os.environ)\nreturn float(os.environ["GITHUB_SHA"])')
    monkeypatch.setenv("GITHUB_SHA", "0.25")

    require_seen(site, lambda _: monkeypatch.setenv("GITHUB_SHA", "0.75"))


def test_a_thread_that_reads_between_making_and_detecting(site: Site) -> None:
    site.write("w.txt", "0.25")
    site.detector(
        "self.go = threading.Event()\nreturn 0.5".replace("self.go = threading.Event()\n", ""),
        top="""
        import threading, time
        class Late(threading.Thread):
            def run(self):
                time.sleep(0.1)
                self.score = float((HERE / "w.txt").read_text())
        LATE = Late()
        LATE_STARTED = LATE.start
        """,
        detect="LATE.join(); self.score = LATE.score",
    )
    text = (site.folder / "site_detector.py").read_text()
    site.write("site_detector.py", text.replace("return 0.5", "LATE.start()\n    return 0.5"))

    run = site.detect()

    assert "w.txt is first accessed during detection" in run.notes[0]


PROCESSES = [
    "with ProcessPoolExecutor(1) as pool: pool.submit(float, 1).result()",
    "with mp.get_context('spawn').Pool(1) as pool: pool.apply(float, (1,))",
    "mp.get_context('forkserver').Process(target=float).start()",
    "pid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0)",
    "import subprocess; subprocess.run(['true'], check=True)",
    "import site_package; site_package.call()",
]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="starts processes as POSIX does")
@pytest.mark.parametrize("start", PROCESSES)
@pytest.mark.parametrize("is_made", [True, False])
def test_a_process_may_look_at_anything(
    site: Site, monkeypatch: pytest.MonkeyPatch, start: str, is_made: bool
) -> None:
    call = "import subprocess\ndef call(): subprocess.run(['true'])\n"
    site.write("lib/site-packages/site_package.py", call)
    monkeypatch.syspath_prepend(site.folder / "lib" / "site-packages")
    top = "import multiprocessing as mp\nfrom concurrent.futures import ProcessPoolExecutor"
    body = f"{start}\nreturn 0.25" if is_made else "return 0.25"
    site.detector(body, top=top, detect="pass" if is_made else start)

    run = site.detect()

    assert run.inferred == 1
    assert "its detections are not cached" in run.notes[0]


def test_programs_that_only_tell_about_the_machine(site: Site) -> None:
    site.detector("import ctypes.util\nctypes.util.find_library('c')\nreturn 0.25")

    assert [site.score(), site.score()] == [(0.25, 1), (0.25, 0)]


def test_a_socket_of_this_machine(site: Site) -> None:
    path = site.folder / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        site.detector(
            f"""
            import socket
            with socket.socket(socket.AF_UNIX) as client:
                client.connect({str(path)!r})
            return 0.25
            """
        )
        (note,) = site.detect().notes

    assert "a connection to" in note


def test_shared_memory(site: Site) -> None:
    path = Path("/dev/shm") / f"detgate-{os.getpid()}-{threading.get_ident()}"
    try:
        path.write_text("0.25")
    except OSError:
        pytest.skip("there is no shared memory")
    try:
        site.detector(f"return float(open({str(path)!r}).read())")
        require_seen(site, lambda _: path.write_text("0.75"))
    finally:
        path.unlink()


@pytest.fixture
def packages(site: Site, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages: `site_extra`, which needs `site_late`."""
    for name, requires in (("site_extra", "site-late"), ("site_late", "")):
        head = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n"
        dist = f"lib/site-packages/{name}-1.0.dist-info"
        site.write(f"{dist}/METADATA", head + (f"Requires-Dist: {requires}\n" if requires else ""))
        site.write(f"{dist}/RECORD", f"{name}/__init__.py,sha256=1,9\n{name}.pyc,,\n")
        site.write(f"{dist}/top_level.txt", f"{name}\n")
    site.write("lib/site-packages/site_late/__init__.py", "SCORE = 0.25\n")
    extra = "import site_late\ndef score(): return site_late.SCORE\n"
    site.write("lib/site-packages/site_extra/__init__.py", extra)
    folder = site.folder / "lib" / "site-packages"
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.mark.parametrize(
    "use",
    [
        "import site_extra; return site_extra.score()",
        "return importlib.import_module('site_' + 'late').SCORE",
    ],
)
@pytest.mark.parametrize("has_record", [True, False])
def test_other_code_of_a_package_at_the_same_version(
    site: Site, packages: Path, use: str, has_record: bool
) -> None:
    record = packages / "site_late-1.0.dist-info" / "RECORD"
    if not has_record:
        for file in record.parent.iterdir():
            file.unlink()
        record.parent.rmdir()
    site.detector(use)

    def install(folder: Path) -> None:
        (packages / "site_late" / "__init__.py").write_text("SCORE = 0.75 \n")
        if has_record:
            record.write_text("site_late/__init__.py,sha256=2,9\nsite_late.pyc,,\n")

    require_seen(site, install)


@pytest.mark.parametrize(("name", "text"), [("__init__.py", "SCORE = 0.75\n"), ("w.txt", "0.75")])
def test_code_and_data_of_the_package_of_the_entry(
    site: Site, packages: Path, name: str, text: str
) -> None:
    folder = packages / "site_detector"
    folder.mkdir()
    made = "SCORE" if name.endswith(".py") else 'float((HERE / "w.txt").read_text())'
    site.detector(f"from site_detector.numbers import SCORE\nreturn {made}")
    (site.folder / "site_detector.py").rename(folder / "__init__.py")
    (folder / "numbers.py").write_text("SCORE = 0.25\n")
    (folder / "w.txt").write_text("0.25")
    changed = folder / ("numbers.py" if name.endswith(".py") else name)

    require_seen(site, lambda _: changed.write_text(text))


def test_functions_of_python_are_restored(site: Site) -> None:
    names = ("stat", "lstat", "readlink", "access", "open")
    before = [getattr(os, name) for name in names]
    site.detector('return float(os.environ.get("SITE_SCORE", "0.25"))')
    site.score()

    assert [getattr(os, name) for name in names] == before
