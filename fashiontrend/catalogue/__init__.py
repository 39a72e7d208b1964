"""What shops list, checked: pictures, listings and the health of a day; pure tables in, tables out."""
