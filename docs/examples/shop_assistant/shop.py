"""A small shop, and the functions by which its assistant looks things up. A real shop asks its database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from werkzeug.security import check_password_hash, generate_password_hash

if TYPE_CHECKING:
    from collections.abc import Callable

OrderNumber = Annotated[int, Field(ge=1000, le=9999)]
ProductName = Annotated[str, Field(min_length=1, max_length=40)]


@dataclass(frozen=True, slots=True)
class Order:
    """What one customer has ordered."""

    number: int
    customer: str
    product: str
    status: str


class Shop:
    """What is sold, who buys, and what they have ordered; it never changes, so that threads can share it."""

    def __init__(self) -> None:
        self.stock = {"teapot": 12, "mug": 40, "strainer": 0}
        self._passwords = {"ada": generate_password_hash("lovelace"), "grace": generate_password_hash("hopper")}
        self._nobody = generate_password_hash("")
        orders = (
            Order(1001, "ada", "teapot", "shipped yesterday"),
            Order(1002, "ada", "strainer", "waits until it is in stock"),
            Order(1003, "grace", "mug", "delivered on Monday"),
        )
        self._orders = {order.number: order for order in orders}

    def knows(self, customer: str, password: str) -> bool:
        """Return whether this is a customer's password; takes as long for a name that is nobody's."""
        return check_password_hash(self._passwords.get(customer, self._nobody), password) and bool(password)

    def order_of(self, customer: str, number: int) -> Order | None:
        """Return an order if it is this customer's."""
        order = self._orders.get(number)
        return order if order is not None and order.customer == customer else None


def functions_for(shop: Shop, customer: str) -> list[Callable[..., object]]:
    """Return the functions that the agent may call for one customer.

    Whose orders they see is decided here, by the login. The model cannot pass another customer's name, whatever it is
    talked into.
    """

    def find_order(number: OrderNumber) -> Order | str:
        """Look up an order of the customer's by its number.

        Args:
            number: The order number, four digits.
        """
        order = shop.order_of(customer, number)
        return order or f"This customer has no order {number}. Ask whether the number is right."

    def check_stock(product: ProductName) -> str:
        """Tell how many of a product are in stock.

        Args:
            product: The product, in one word.
        """
        count = shop.stock.get(product.lower())
        if count is None:
            return f"The shop does not sell {product}. It sells: {', '.join(shop.stock)}."
        return f"{count} in stock." if count else f"{product} is sold out."

    return [find_order, check_stock]
