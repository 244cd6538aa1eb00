/** The texts of the demo: what an operator would write for this shop. */

export const marker = '# Made by `linked-events demo`; change it as you like.'

export const configuration = `${marker}
space: shop
data_graph: ./data-graph.hcl
state_dir: ./.linked-events
warehouse: { type: duckdb, path: ./warehouse.duckdb, state_schema: _segment_reverse_etl }
entities:
  product: { schedule: { strategy: PERIODIC, config: { interval: 1h } }, max_age: 3h }
source: { file: ./events.ndjson }
dead_letters: { file: ./out/dead-letters.ndjson }
destinations:
  - slug: amplitude
    consent_categories: [analytics]
    output: { file: ./out/amplitude.ndjson, format: event }     # the event as it came, with the mapping's result merged in
    mappings: [./mappings/amplitude-product-events.json]
  - slug: braze
    consent_categories: [marketing]
    output: { file: ./out/braze.ndjson, format: payload }       # what the mapping makes
    mappings: [./mappings/braze-purchase.json]
  - slug: ads-conversions
    consent_categories: [advertising]
    output: { file: ./out/ads-conversions.ndjson, record: envelope }
    mappings: [./mappings/ads-conversion.json]
`

export const dataGraph = `# What the shop keeps in its warehouse, in Segment's Data Graph language.
data_graph {
  version = "v1.0.0"

  entity "product" {
    name = "Product"
    description = "one row per SKU, rebuilt every night"
    table_ref = "main.products"
    primary_key = "SKU"
    enrichment_enabled = true
  }

  entity "account" {
    name = "Account"
    table_ref = "main.accounts"
    primary_key = "ACCOUNT_ID"
    enrichment_enabled = true
  }
}
`

const product = (column: string) => ({ '@path': `$.__segment_entities.shop.product.${column}` })
const account = (column: string) => ({ '@path': `$.__segment_entities.shop.account.${column}` })

export const mappings: Readonly<Record<string, object>> = {
  'amplitude-product-events.json': {
    name: 'Product events',
    actionSlug: 'logEvent',
    trigger: 'type = "track"',
    enabled: true,
    entities: [
      { entity: 'product', match: '$.properties.product_id' },
      { entity: 'account', match: '$.properties.account_id' },
    ],
    settings: {
      properties: {
        product: {
          name: product('NAME'),
          brand: product('BRAND'),
          category: product('CATEGORY'),
          price: product('PRICE_USD'),
        },
        account: { name: account('NAME'), plan: account('PLAN'), vip: account('VIP') },
      },
    },
  },
  'braze-purchase.json': {
    name: 'Purchase',
    actionSlug: 'trackPurchase',
    trigger: 'type = "track" and event = "Order Completed"',
    enabled: true,
    entities: [{ entity: 'product', match: 'properties.product_id' }],
    settings: {
      external_id: { '@path': '$.userId' },
      product_id: { '@path': '$.properties.product_id' },
      product_name: { '@if': { exists: product('NAME'), then: product('NAME'), else: 'Unknown product' } },
      message: { '@template': 'Thank you for your {{__segment_entities.shop.product.NAME}}!' },
      price: product('PRICE_USD'),
      currency: { '@case': { operator: 'upper', value: { '@path': '$.properties.currency' } } },
      quantity: { '@path': '$.properties.quantity' },
      time: { '@path': '$.timestamp' },
    },
  },
  'ads-conversion.json': {
    name: 'Conversion with margin',
    actionSlug: 'uploadConversion',
    trigger: 'type = "track" and event = "Order Completed" and properties.total > 50',
    enabled: true,
    entities: [{ entity: 'product', match: 'properties.product_id', on_missing: 'drop' }],
    settings: {
      conversion_time: { '@path': '$.timestamp' },
      order_id: { '@path': '$.properties.order_id' },
      value: { '@path': '$.properties.total' },
      product: { '@path': '$.__segment_entities.shop.product' },
    },
  },
}
