"""What happens when something arrives: listeners parse, flows do, views show, delivery posts."""
