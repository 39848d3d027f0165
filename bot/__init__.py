"""The process: settings, wiring, the Slack app, the web server, the worker, the command line."""
