"""The Web API: `server` takes calls apart, `methods` is the table, the other modules are the methods."""
