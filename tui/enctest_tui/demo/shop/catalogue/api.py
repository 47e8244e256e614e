"""The catalogue over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Response, status
from pydantic import BaseModel, Field

from shop.catalogue.products import Product, Products
from shop.database import Database, of_app
from shop.errors import install_handlers

router = APIRouter(prefix="/products")


class NewProduct(BaseModel):
    """A product as a client describes it; its SKU is in the path."""

    name: str = Field(min_length=1)
    category: str = Field(min_length=1)
    price: int = Field(gt=0)
    stock: int = Field(default=0, ge=0)


@router.get("")
async def list_products(category: str, database: Annotated[Database, Depends(of_app)]) -> list[Product]:
    """Return the products of a category."""
    async with database.transaction() as connection:
        return await Products(connection).in_category(category)


@router.get("/{sku}")
async def read_product(sku: str, database: Annotated[Database, Depends(of_app)]) -> Product:
    """Return one product."""
    async with database.transaction() as connection:
        return await Products(connection).get(sku)


@router.put("/{sku}")
async def put_product(
    sku: str, new: NewProduct, response: Response, database: Annotated[Database, Depends(of_app)]
) -> Product:
    """Add or replace a product."""
    product = Product(sku=sku, **new.model_dump())
    async with database.transaction() as connection:
        if await Products(connection).put(product):
            response.status_code = status.HTTP_201_CREATED
    return product


def create_app(database: Database) -> FastAPI:
    """Return the catalogue service."""
    app = FastAPI(title="Catalogue")
    app.state.database = database
    app.include_router(router)
    install_handlers(app)
    return app
