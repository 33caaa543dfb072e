"""The inputs of rules: tables, detections, scores, baselines."""
