"""What Agent Factory stores. Nothing here knows of ``agent_factory.migrate``."""
