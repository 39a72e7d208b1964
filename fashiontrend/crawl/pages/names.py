"""What shops call the properties of a product, in lower case."""

COLOUR_NAMES = {
    "color", "colour", "farbe", "couleur", "kleur", "cor", "colore", "颜色", "color name", "colour name", "pa_color",
    "pa_colour", "colorname",
}  # fmt: skip
GENDER_NAMES = {
    "gender",
    "geschlecht",
    "genre",
    "sexe",
    "género",
    "genero",
    "genere",
    "geslacht",
    "性别",
    "target gender",
}
BRAND_NAMES = {"brand", "marke", "marque", "marca", "merk", "designer", "品牌", "manufacturer"}
SIZE_NAMES = {"size", "größe", "groesse", "taille", "talla", "taglia", "tamanho", "maat", "尺码", "pa_size"}  # fmt: skip
