"""``python -m agent_factory.migrate``, and the console script ``af-db``."""


def main() -> None:
    from agent_factory.migrate.cli.main import main as run_command_line

    run_command_line()


if __name__ == "__main__":
    main()
