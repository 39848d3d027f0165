"""One verb per file: what the desk does. The only code that opens transactions, and the only way to the gate."""
