"""The processes under measurement, each started by `bench.rig` and ended by closing its standard input."""
