"""Facts in, Block Kit out. Pure: no clock, no I/O, no database."""
