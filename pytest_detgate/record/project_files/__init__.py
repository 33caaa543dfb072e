"""Files that a project commits: its baseline, its known findings, its ledger."""
