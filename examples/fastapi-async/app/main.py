"""The shop: `fastapi dev app/main.py`."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import session
from app.models import Product

app = FastAPI(title="Shop")


@app.get("/products")
async def products(opened: Annotated[AsyncSession, Depends(session)]) -> Sequence[dict[str, object]]:
    found = await opened.scalars(select(Product).order_by(Product.name))
    return [{"name": each.name, "price_cents": each.price_cents} for each in found]
