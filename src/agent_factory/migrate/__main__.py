"""``python -m agent_factory.migrate``, and the console script ``af-db``."""

import gc


def main() -> None:
    # A tenth of the start-up is the collector's, looking at classes that live as long as the process.
    gc.disable()
    from agent_factory.migrate.cli.main import main as run_command_line

    run_command_line()


if __name__ == "__main__":
    main()
