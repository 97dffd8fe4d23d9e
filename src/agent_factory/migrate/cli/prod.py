"""``af-db prod``: the production database, named by DATABASE_URL in the real environment, or by a command."""

import typer

from agent_factory.migrate.cli.adoptions import add_adopt_command
from agent_factory.migrate.cli.database_checks import add_check_command
from agent_factory.migrate.cli.doctor import add_doctor_command
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.plans import add_plan_command
from agent_factory.migrate.cli.preflights import add_preflight_command
from agent_factory.migrate.cli.runs import add_run_commands
from agent_factory.migrate.cli.schemas import add_schema_command
from agent_factory.migrate.cli.statuses import add_status_commands
from agent_factory.migrate.cli.stops import add_stop_command
from agent_factory.migrate.cli.waits import add_wait_command
from agent_factory.migrate.cli.watches import add_watch_command

app = typer.Typer(help="Migrate production: plan, question, run, result.", no_args_is_help=True)
add_plan_command(app, Invocation.production_target)
add_preflight_command(app, Invocation.production_target)
add_run_commands(app, Invocation.production_target)
add_status_commands(app, Invocation.production_target)
add_watch_command(app, Invocation.production_target)
add_stop_command(app, Invocation.production_target)
add_check_command(app, Invocation.production_target)
add_schema_command(app, Invocation.production_target)
add_adopt_command(app, Invocation.production_target)
add_doctor_command(app, Invocation.production_target, is_production=True)
add_wait_command(app, Invocation.production_target)
