"""``doctor``: everything between a command and its database, examined one after the other."""

from agent_factory.migrate.workflows.doctor.examine import DoctorRequest, doctor

__all__ = ["DoctorRequest", "doctor"]
