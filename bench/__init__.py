"""What the product costs: measurements on loopback, each beside a baseline taken in the same run."""
