"""What `python -m pytest_detgate` can do: a module for each command, with `add` and `run`."""
