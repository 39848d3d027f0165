"""Small faults planted one at a time in the gate's modules: the tests of tests/policy must notice each of them."""
