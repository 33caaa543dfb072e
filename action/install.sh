#!/usr/bin/env bash
# Installs the gate: the source of this action, or what the input `package` names.
set -euo pipefail

if [ "$DETGATE_PACKAGE" = none ]; then
  exit 0
fi
package="${DETGATE_PACKAGE:-$DETGATE_SOURCE}"
if [ -n "$DETGATE_EXTRAS" ]; then
  # Extras stand between the name and the version: pytest-detgate[onnx]==1.0
  name="${package%%[=<>!~ ]*}"
  package="${name}[$DETGATE_EXTRAS]${package#"$name"}"
fi
python -m pip install --quiet --disable-pip-version-check "$package"
