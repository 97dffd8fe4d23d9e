"""The command line. A command parses, calls one workflow, hands the result to a report, and exits."""
