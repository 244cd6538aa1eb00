import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parseDataGraph } from '../../../src/graph/graph.ts'
import { printMermaid, printTree } from '../../../src/graph/print.ts'

const graph = parseDataGraph(readFileSync('test/fixtures/graphs/every-block.hcl', 'utf8')).graph!

it('a tree shows entities, relationships and how they join', () => {
  expect(printTree(graph)).toBe(`data graph v1.0.0
├─ store_order  DWH.SALES.ORDERS, key ORDER_ID
├─ order_line   DWH.SALES.ORDER_LINES, key LINE_ID
└─ sku          DWH.SALES.SKUS, key SKU, enrichment enabled
profile (DWH.SEGMENT, segment:materialized)
├─ customer-orders "Orders" → store_order  (external id email = CUSTOMER_EMAIL)
│  ├─ order-lines "Lines" → order_line  (store_order.ORDER_ID = order_line.ORDER_ID)
│  └─ order-skus "Articles" → sku  (via DWH.SALES.ORDER_SKU: ORDER_ID = ORDER_ID, SKU_ID = SKU)
└─ vip "VIP" → store_order  (trait cust_no = CUST_NO)
`)
})

it('a diagram has a node an entity, an edge a relationship, and no text that could end a label', () => {
  const text = printMermaid({ ...graph, entities: graph.entities.map((one) => ({ ...one, table_ref: '"a"]' })) })
  expect(text.split('\n').filter((line) => /^ {2}e\d\[/.test(line))).toHaveLength(3)
  expect(text.split('\n').filter((line) => line.includes('-->'))).toHaveLength(4)
  expect(text).toContain('  style e2 stroke-width:3px')
  expect(text).toContain('#34;a#34;]')
})

it('a graph of bare entities has no profile', () => {
  const bare = parseDataGraph('entity "a" {\n name = "A"\n table_ref = "t"\n primary_key = "k"\n}').graph!
  expect(printTree(bare)).toBe('data graph v1.0.0\n└─ a  t, key k\n')
  expect(printMermaid(bare)).not.toContain('profile')
})
