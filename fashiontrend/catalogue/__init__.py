"""What shops list, checked: pictures, listings and the health of a day; tables in, tables out."""
