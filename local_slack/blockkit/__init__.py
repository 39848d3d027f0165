"""Block Kit: what Slack accepts (`tables`), how it is checked (`specs`, `validation`) and found again (`lookup`)."""
