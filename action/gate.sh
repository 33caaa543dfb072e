#!/usr/bin/env bash
# Runs the gate and sets the outputs. It ends well with any verdict: what shows the result comes
# after it, and the last step of the action fails with the exit code of pytest.
set -euo pipefail

arguments=("--detgate-report=$DETGATE_REPORT")
if [ "$(basename "$DETGATE_CONFIG")" = detgate.toml ]; then
  arguments+=("$DETGATE_CONFIG")
else
  arguments+=("--detgate-config=$DETGATE_CONFIG" -m detgate)
fi
if [ -n "$DETGATE_CHECKPOINT" ]; then
  arguments+=("--detgate-ckpt=$DETGATE_CHECKPOINT")
fi
if [ -n "$DETGATE_BASELINE" ]; then
  arguments+=("--detgate-baseline=$DETGATE_BASELINE")
fi
if [ -n "$DETGATE_SARIF" ]; then
  arguments+=("--detgate-sarif=$DETGATE_SARIF")
fi
while IFS= read -r line; do
  line="${line#"${line%%[![:space:]]*}"}"
  line="${line%"${line##*[![:space:]]}"}"
  if [ -n "$line" ]; then
    arguments+=("--detgate-predictions=$line")
  fi
done <<< "$DETGATE_PREDICTIONS"
# Bash of macOS has no mapfile.
while IFS= read -r -d '' word; do
  arguments+=("$word")
done < <(python -c '
import os, shlex, sys
for word in shlex.split(os.environ["DETGATE_ARGUMENTS"], comments=False):
    sys.stdout.write(word + "\0")
')

code=0
python -m pytest "${arguments[@]}" || code=$?

verdict="$(python -c '
import json, sys
try:
    with open(sys.argv[1], encoding="utf-8") as file:
        verdict = json.load(file)["verdict"]
except (OSError, ValueError):
    verdict = "none"
print(verdict if verdict in ("passed", "failed") else "none")
' "$DETGATE_REPORT/report.json")"

# Code of the project can end the process: what has no record that passed has not passed.
if [ "$code" = 0 ] && [ "$verdict" != passed ]; then
  echo "::error title=detgate::The run ended with exit code 0, and $DETGATE_REPORT/report.json says no verdict that passed."
  code=1
fi

{
  echo "exit-code=$code"
  echo "verdict=$verdict"
  echo "record=$DETGATE_REPORT/report.json"
  echo "page=$DETGATE_REPORT/index.html"
} >> "$GITHUB_OUTPUT"
