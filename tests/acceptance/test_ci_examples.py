"""The examples of ``examples/ci`` and ``docs/ci.md``: their commands are taken out of them and run.

There is a repository with a remote, a production database with a role that may only read it, and a clone for
each job, as a runner makes one. What only GitHub has is left out (its actions) or stood in for (``gh``).
"""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.runners import OTHERS_COMMENT, PULL_REQUEST, Ran, Site

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "ci"
DROPPED = "DROP TABLE t001"


def read_yaml(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text())


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = read_yaml("github-actions.yml")["jobs"]
    return found


def run_job(site: Site, name: str, clone: Path, *, target: str = "main") -> dict[str, Ran]:
    """Run the steps of a job of GitHub's in this clone, by their names; what installs is left out.

    A step that fails is the last one, but for those that always run.
    """
    job = jobs()[name]
    known = {
        **{f"secrets.{secret}": value for secret, value in site.secrets.items()},
        "github.base_ref": target,
        "github.token": "token",
        "github.event.pull_request.number": PULL_REQUEST,
    }
    ran: dict[str, Ran] = {}
    for step in job["steps"]:
        failed = any(one.code for one in ran.values())
        if "run" not in step or step["name"] == "install" or (failed and step.get("if") != "always()"):
            continue
        given = {**job.get("env", {}), **step.get("env", {})}
        environment = {
            variable: re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda found: known[found[1]], value)
            for variable, value in given.items()
        }
        ran[step["name"]] = site.run(step["run"], clone, environment)
    return ran


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
def test_every_example_is_yaml(name: str) -> None:
    assert isinstance(read_yaml(name), dict)


def test_secrets_are_nowhere_but_in_the_environment() -> None:
    for job in jobs().values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            assert "secrets." not in str({**step, "env": None})


def test_the_jobs_that_compare_with_a_branch_have_its_history() -> None:
    for name, job in jobs().items():
        if any("--against" in step.get("run", "") for step in job["steps"]):
            checkout = next(step for step in job["steps"] if "checkout" in step.get("uses", ""))
            assert checkout["with"]["fetch-depth"] == 0, name


def test_a_pull_request_is_checked(site: Site) -> None:
    clone = site.clone("feature")

    ran = run_job(site, "check", clone)

    assert {name: one.code for name, one in ran.items()} == {"check": 0, "check, for code scanning": 0}
    assert "checked: target branch" in ran["check"].out
    assert ran["check"].out.endswith(": nothing found\n")
    assert json.loads((clone / "af-db.sarif").read_text())["runs"][0]["results"] == []


@pytest.mark.slow
def test_a_pull_request_for_another_branch_is_compared_with_that(site: Site) -> None:
    site.push("release")
    clone = site.clone("feature")
    (clone / "alembic" / "versions" / "003_step_003.py").unlink()

    ran = run_job(site, "check", clone, target="release")

    assert ran["check"].code == 3
    assert "title=deleted-on-branch::" in ran["check"].out
    assert run_job(site, "check", clone)["check"].code == 0


def test_nothing_is_uploaded_that_is_not_whole_or_may_not_be() -> None:
    (upload,) = [step for step in jobs()["check"]["steps"] if "upload-sarif" in step.get("uses", "")]

    assert "steps.sarif.outcome == 'success'" in upload["if"]
    assert "head.repo.full_name == github.repository" in upload["if"]


@pytest.mark.slow
def test_a_pull_request_that_edits_a_shared_revision_fails_on_its_line(site: Site) -> None:
    path = site.project.versions / "002_step_002.py"
    path.write_text(path.read_text().replace("sa.Integer", "sa.BigInteger"))
    site.commit()
    site.push("feature")
    clone = site.clone("feature")

    ran = run_job(site, "check", clone)

    assert {name: one.code for name, one in ran.items()} == {"check": 3, "check, for code scanning": 0}
    place = "file=alembic/versions/002_step_002.py,line="
    assert re.match(rf"::error {place}\d+,title=edited-on-branch::", ran["check"].out)
    (result,) = json.loads((clone / "af-db.sarif").read_text())["runs"][0]["results"]
    assert result["ruleId"] == "edited-on-branch"


@pytest.mark.slow
def test_the_plan_is_a_comment_which_the_next_push_replaces(site: Site) -> None:
    clone = site.clone("feature")
    bodies = []
    for _push in range(2):
        ran = run_job(site, "plan", clone)

        assert {name: one.code for name, one in ran.items()} == {"plan": 0, "comment": 0}, ran
        others, ours = json.loads(site.comments.read_text())
        assert (others, ours["number"]) == (OTHERS_COMMENT, PULL_REQUEST)
        bodies.append(ours["body"])
        site.project.add_table("004", "003")
        site.git("add", "--all")
        site.git("commit", "--quiet", "--allow-empty", "--message", "change")
        site.push("feature")
        clone = site.clone("feature")
    assert bodies[0].startswith("<!-- af-db prod plan -->\n### Plan: upgrade to `003`\n")
    body = bodies[1]
    assert body.startswith("<!-- af-db prod plan -->\n### Plan: upgrade to `004`\n")
    assert "CREATE TABLE t003" in body
    assert "reader-of-production" not in body


def test_main_runs_the_plan_that_was_approved_and_nothing_else(site: Site) -> None:
    site.stand_in.unlink(missing_ok=True)  # the installed command itself
    site.merge()
    planned = site.clone("main")
    (plan,) = run_job(site, "plan-production", planned).values()
    assert plan.code == 0, plan.err
    assert "### Plan: upgrade to `003`" in (site.folder / "summary.md").read_text()
    runner = site.clone("main")
    gate = jobs()["upgrade-production"]["steps"][-1]["run"]
    assert site.run(gate, runner, {"DATABASE_URL": site.owner_url}).code == 3

    (runner / "plan.json").write_text((planned / "plan.json").read_text())
    ran = run_job(site, "upgrade-production", runner)

    assert {name: one.code for name, one in ran.items()} == {"upgrade": 0, "gate": 0}, ran["upgrade"].err
    assert ran["gate"].out == "003 (head)\n"
    again = run_job(site, "upgrade-production", runner)
    assert {name: one.code for name, one in again.items()} == {"upgrade": 0, "gate": 0}


@pytest.mark.slow
def test_main_without_a_new_revision_does_nothing(site: Site) -> None:
    clone = site.clone("main")

    (plan,) = run_job(site, "plan-production", clone).values()
    ran = run_job(site, "upgrade-production", clone)

    assert plan.code == 0, plan.err
    assert {name: one.code for name, one in ran.items()} == {"upgrade": 0, "gate": 0}, ran["upgrade"].err
    assert ran["gate"].out == "002 (head)\n"


@pytest.mark.slow
def test_a_plan_that_somebody_changed_production_under_is_refused(site: Site) -> None:
    site.merge()
    clone = site.clone("main")
    run_job(site, "plan-production", clone)
    site.execute(DROPPED)

    ran = run_job(site, "upgrade-production", clone)

    assert {name: one.code for name, one in ran.items()} == {"upgrade": 4}
    assert "the saved plan differs from what would run now" in ran["upgrade"].err


@pytest.mark.slow
def test_drift_is_found_at_night(site: Site) -> None:
    clone = site.clone("main")
    before = run_job(site, "drift", clone)["check production"]
    site.execute(DROPPED)

    after = run_job(site, "drift", clone)["check production"]

    assert before.code == 0, before.out
    assert after.code == 3
    assert "::error title=drift::table public.t001 is missing" in after.out


@pytest.mark.slow
def test_gitlab_runs_the_same_commands(site: Site) -> None:
    pipeline = read_yaml("gitlab-ci.yml")

    def run(job: str, clone: Path) -> Ran:
        variables = {**site.secrets, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
        return site.run("\n".join(pipeline[job]["script"]), clone, variables)

    clone = site.clone("feature", whole=False)
    checked = run("check-migrations", clone)
    assert checked.code == 0, checked.err
    assert "checked: target branch" in checked.out
    plan = run("plan-merge-request", clone)
    assert plan.code == 0, plan.err
    assert pipeline["plan-merge-request"]["artifacts"]["paths"] == ["plan.md"]
    assert (clone / "plan.md").read_text().startswith("### Plan: upgrade to `003`\n")

    site.merge()
    main = site.clone("main")
    planned = run("plan-production", main)
    assert planned.code == 0, planned.err
    assert pipeline["plan-production"]["artifacts"]["paths"] == ["plan.json"]
    ran = run("upgrade-production", main)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "003 (head)"), ran.err
    assert run("drift", main).code == 0
    site.execute(DROPPED)
    assert run("drift", main).code == 3


def test_the_hook_runs_before_a_commit(site: Site) -> None:
    (hook,) = read_yaml("pre-commit-config.yaml")["repos"][0]["hooks"]
    clone = site.clone("feature")
    sound = site.run(hook["entry"], clone)
    (clone / "alembic" / "versions" / "001_step_001.py").unlink()
    broken = site.run(hook["entry"], clone)

    assert sound.code == 0, sound.err
    assert broken.code == 3
    assert "[deleted-on-branch]" in broken.out
    for name in ("alembic/versions/003_x.py", "service/alembic/env.py", "alembic.ini", "pyproject.toml"):
        assert re.search(hook["files"], name)
    assert not re.search(hook["files"], "src/app.py")


@pytest.mark.slow
def test_the_commands_of_the_page_work_in_its_order(site: Site) -> None:
    page = (ROOT / "docs" / "ci.md").read_text()
    blocks = re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("af-db ")]
    assert len(commands) > 5
    site.merge()
    clone = site.clone("main")

    for command in commands:
        ran = site.run(command, clone, {"DATABASE_URL": site.owner_url})
        assert ran.code == 0, (command, ran.out, ran.err)

    assert site.run("af-db current", clone, {"DATABASE_URL": site.owner_url}).out == "003 (head)\n"
    used = {word for command in commands for word in shlex.split(command, comments=True)}
    assert {"--against", "--format", "--out", "--plan", "--check-heads"} <= used
