#!/usr/bin/env bash
# Updates the comment on the pull request. That it cannot be written changes no verdict: the token of
# a pull request from a fork may only read.
set -euo pipefail

if url="$(python -m pytest_detgate comment "$DETGATE_REPORT/summary.md" \
  --key="$DETGATE_CONFIG" --link="$DETGATE_LINK" --exit-code="$DETGATE_EXIT_CODE")"; then
  echo "url=$url" >> "$GITHUB_OUTPUT"
else
  echo "::warning title=detgate::The comment on the pull request could not be written; the summary of this step shows the same."
fi
