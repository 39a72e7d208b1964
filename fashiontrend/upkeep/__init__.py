"""Care of a store: finding damage, removing what nothing needs, joining small files, copying it whole."""
