"""What a run of the gate imports. pytester forgets what a run in this process has imported, and
NumPy and its like can be imported only once: so it is imported before."""

from __future__ import annotations

from tests.fork_server import import_core

import_core()
