"""Response models of the retail table: how the products of values are sold."""

from pydantic import Field

from fashiontrend.serve.schemas.responses import Number, ResponseModel


class RetailRow(ResponseModel):
    """How the products of one value are sold on one platform: columns of equal length, one entry per day.

    A fraction is of the products behind it and null without any. Each has the number of those products.
    """

    platform: str
    attribute: str
    value: str
    days: list[str]
    support: list[int] = Field(description="Number of products on sale that show the value.")
    out_of_stock: list[Number] = Field(
        description="Mean over products of the part of their sizes that are sold out, from 0 to 1."
    )
    out_of_stock_support: list[int]
    markdown: list[Number] = Field(
        description="Part of the products whose price is below their list price, from 0 to 1."
    )
    markdown_support: list[int]
    markdown_depth: list[Number] = Field(
        description="Of the products marked down, the mean reduction as part of the list price."
    )
    markdown_depth_support: list[int]
    new_in: list[Number] = Field(
        description="Part of the products that were first seen within `window_days`, from 0 to 1."
    )
    new_in_support: list[int]
    price_q25: list[Number] = Field(description="Lower quartile of the prices, in `currency`.")
    price_median: list[Number] = Field(description="Median price.")
    price_q75: list[Number] = Field(description="Upper quartile of the prices.")
    price_support: list[int]
    currency: list[str | None] = Field(
        description="The platform's commonest currency of the day; other prices are left out."
    )
    withheld: list[bool] = Field(description="True if the day's data was missing or broken.")


class RetailResponse(ResponseModel):
    """Out-of-stock rate, markdown, new-in share and prices of values over days, each with its support."""

    release: str
    as_of: str
    window_days: int
    retail: list[RetailRow]
