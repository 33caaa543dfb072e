"""The former name of `pytest_detgate.evidence`, for one release."""

import warnings

from pytest_detgate.evidence import *  # noqa: F403

warnings.warn(
    "pytest_detgate.charts is now pytest_detgate.evidence", DeprecationWarning, stacklevel=2
)
