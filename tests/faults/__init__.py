"""What goes wrong on purpose: killed processes, lost answers, a database that is away, and nonsense at every door."""
