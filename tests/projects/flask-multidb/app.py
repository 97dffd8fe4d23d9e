"""An application with a second database, for what it counts."""

import os

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class Entry(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)


class Visit(db.Model):
    __bind_key__ = "counts"

    id: Mapped[int] = mapped_column(primary_key=True)


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_BINDS"] = {"counts": "sqlite:///counts.db"}
    db.init_app(app)
    Migrate(app, db)
    return app
