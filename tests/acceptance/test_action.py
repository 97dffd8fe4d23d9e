"""``action.yml``: its steps are run as a runner of GitHub's runs them; what installs is left out."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.runners import OTHERS_COMMENT, PULL_REQUEST, Ran, Site

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
COMMANDS = ("check", "plan", "upgrade", "drift")


def run_action(site: Site, clone: Path, **given: str) -> dict[str, Ran]:
    """Run the steps for these inputs in this clone, by their names; one that fails is the last."""
    inputs = {name: str(input_.get("default", "")) for name, input_ in ACTION["inputs"].items()}
    inputs |= {name.replace("_", "-"): value for name, value in given.items()}
    known = {f"inputs.{name}": value for name, value in inputs.items()} | {
        "github.event.pull_request.number": PULL_REQUEST,
        "inputs.database-url || env.DATABASE_URL": inputs["database-url"],
    }
    ran: dict[str, Ran] = {}
    for step in ACTION["runs"]["steps"]:
        if "run" not in step or step["name"] == "install" or not is_wanted(step.get("if", ""), inputs):
            continue
        environment = {
            variable: re.sub(r"\$\{\{ (.+?) \}\}", lambda found: known[found[1]], value)
            for variable, value in step.get("env", {}).items()
        }
        environment |= {"RUNNER_TEMP": str(site.folder), "GITHUB_BASE_REF": "main"}
        ran[step["name"]] = site.run(f"set -o pipefail\n{step['run']}", clone, environment)
        if ran[step["name"]].code:
            break
    return ran


def is_wanted(condition: str, inputs: dict[str, str]) -> bool:
    """Say whether a condition holds, of the only form that the action has."""
    parts = [re.fullmatch(r"inputs\.([\w-]+) == '(\w+)'", part) for part in condition.split(" && ") if part]
    return all(part is not None and inputs[part[1]] == part[2] for part in parts)


def test_a_wrong_command_is_named(site: Site) -> None:
    ran = run_action(site, site.clone("feature"), command="migrate")

    assert {name: one.code for name, one in ran.items()} == {"command": 2}
    assert "not 'migrate'" in ran["command"].out


def test_what_is_given_reaches_a_shell_by_the_environment_only() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_a_pull_request_is_checked_against_its_target(site: Site) -> None:
    clone = site.clone("feature")
    sound = run_action(site, clone, command="check")
    (clone / "alembic" / "versions" / "002_step_002.py").unlink()
    broken = run_action(site, clone, command="check", against="origin/main")

    assert {name: one.code for name, one in sound.items()} == {"command": 0, "check": 0}, sound["check"].out
    assert "checked: target branch" in sound["check"].out
    assert broken["check"].code == 3
    assert "title=deleted-on-branch::" in broken["check"].out


def test_the_plan_is_in_the_summary_and_a_comment_that_is_replaced(site: Site) -> None:
    clone = site.clone("feature")
    for _push in range(2):
        ran = run_action(site, clone, command="plan", database_url=site.reader_url, comment="true")

        assert {name: one.code for name, one in ran.items()} == {"command": 0, "plan": 0, "comment": 0}, ran
        others, ours = json.loads(site.comments.read_text())
        assert (others, ours["number"]) == (OTHERS_COMMENT, PULL_REQUEST)
        assert ours["body"].startswith("<!-- af-db prod plan -->\n### Plan: upgrade to `003`\n")
    assert "### Plan: upgrade to `003`" in (site.folder / "summary.md").read_text()
    site.comments.unlink()
    ran = run_action(site, clone, command="plan", database_url=site.reader_url)
    assert list(ran) == ["command", "plan"], "no comment where none is wanted"


def test_the_saved_plan_runs_and_then_there_is_no_drift(site: Site) -> None:
    site.merge()
    clone = site.clone("main")

    planned = run_action(site, clone, command="plan", database_url=site.reader_url, plan_file="plan.json")
    ran = run_action(site, clone, command="upgrade", database_url=site.owner_url, plan_file="plan.json")
    sound = run_action(site, clone, command="drift", database_url=site.reader_url)
    site.execute("DROP TABLE t001")
    drifted = run_action(site, clone, command="drift", database_url=site.reader_url)

    assert planned["plan"].code == 0, planned["plan"].err
    assert ran["upgrade"].code == 0, ran["upgrade"].err
    assert ran["upgrade"].out.splitlines()[-1] == "003 (head)"
    assert sound["drift"].code == 0, sound["drift"].out
    assert drifted["drift"].code == 3
    assert "::error title=drift::" in drifted["drift"].out


def test_a_high_hazard_needs_its_name(site: Site) -> None:
    site.project.add("004", "003", 'op.execute("DROP TABLE t002")')
    site.commit()
    site.merge()
    site.execute("INSERT INTO t002 VALUES (1)")
    clone = site.clone("main")

    refused = run_action(site, clone, command="upgrade", database_url=site.owner_url)
    planned = run_action(site, clone, command="plan", database_url=site.reader_url)
    allowed = run_action(site, clone, command="upgrade", database_url=site.owner_url, allow="deletes-data")

    assert refused["upgrade"].code == 4
    assert planned["plan"].code == 0, planned["plan"].err
    assert allowed["upgrade"].code == 0, allowed["upgrade"].err


def test_the_page_uses_it_as_it_is() -> None:
    page = (ROOT / "docs" / "ci.md").read_text().partition("### The action")[2]
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    (job,) = yaml.safe_load(block)["jobs"].values()

    assert set(job["steps"][-1]["with"]) <= set(ACTION["inputs"])
    assert tuple(re.findall(r"^\| `(\w+)` \| .*af-db", page.partition("\n## ")[0], re.MULTILINE)) == COMMANDS
