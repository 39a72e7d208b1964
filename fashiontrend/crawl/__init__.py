"""Collection (A2): every platform's listings and pictures of a day, politely and once."""
