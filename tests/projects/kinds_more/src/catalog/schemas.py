"""What comes in."""

from pydantic import BaseModel, Field, field_validator


class Product(BaseModel):
    name: str = "thing"
    price: int = Field(default=10, ge=1)

    @field_validator("name")
    @classmethod
    def clean(cls, value: str) -> str:
        return value.strip()


class Order(BaseModel):
    products: list[Product]
