"""What reads or writes with a model. It suggests and never decides; nothing here can execute anything."""
