# Segment's Data Graph language: which tables are entities, and what identifies a row.
data_graph {
  version = "v1.0.0"

  entity "product-entity" {
    name = "product"
    table_ref = "main.products"
    primary_key = "SKU"
    enrichment_enabled = true
  }
}
