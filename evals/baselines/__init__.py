"""What stands beside the product: simple rules, and published methods where their packages can be imported."""

FOLDER = "baselines"
"""Below the folder of predictions; holds `<set>/<method>.jsonl`."""
