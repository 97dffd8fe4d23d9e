# af-db with a PostgreSQL to rehearse on, run by a user without rights. The project is mounted at /project, or copied by
# an image that is made FROM this one; docs/ci.md shows both.
FROM python:3.13-slim

COPY pyproject.toml README.md LICENSE constraints.txt /usr/src/agent-factory/
COPY src /usr/src/agent-factory/src
# git: af-db check --against reads the branch to compare with, in a folder that is somebody else's when it is mounted.
RUN apt-get update \
    && apt-get install -y --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir -c /usr/src/agent-factory/constraints.txt '/usr/src/agent-factory[rehearsal]' \
    && useradd --create-home --uid 1000 af-db \
    && git config --system --add safe.directory /project

USER af-db
WORKDIR /project
ENTRYPOINT ["af-db"]
CMD ["--help"]
