"""A guestbook: `flask --app guestbook run`."""

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
    words: Mapped[str]
    author: Mapped[str | None]


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get(
        "DATABASE_URL", "postgresql+psycopg2://localhost/guestbook"
    )
    db.init_app(app)
    Migrate(app, db)

    @app.get("/")
    def entries() -> list[dict[str, str | None]]:
        found = db.session.scalars(db.select(Entry).order_by(Entry.id))
        return [{"words": each.words, "author": each.author} for each in found]

    return app
