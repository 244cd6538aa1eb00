/** The work of the benchmark: Segment events of about 1 KB, and rows of ten columns; a number gives the same ones always. */
import type { JsonObject } from '../../src/json.ts'

export const space = 'my-space'
export const entity = 'product-entity'

export function productId(number: number): string {
  return `SKU-${String(number).padStart(12, '0')}`
}

/** A row as the sync writes it. */
export function rowText(number: number): string {
  return JSON.stringify({
    PRODUCT_ID: productId(number),
    NAME: `Trail running shoe ${number}`,
    BRAND: `Brand ${number % 512}`,
    CATEGORY: 'Footwear / Running',
    PRICE: 19.5 + (number % 100),
    CURRENCY: 'EUR',
    IN_STOCK: number % 3 !== 0,
    WEIGHT_GRAMS: 180 + (number % 400),
    COLOR: null,
    UPDATED_AT: '2026-11-01T12:00:00.000Z',
  })
}

const firstTime = Date.parse('2026-11-25T10:00:00Z')

/** Of the event, milliseconds after the first. */
function timeText(milliseconds: number): string {
  return new Date(firstTime + milliseconds).toISOString()
}

/** Spreads event numbers over the rows evenly and without order, so that neighbours share no page of a snapshot. */
export function rowOf(eventNumber: number, rows: number): number {
  return Number((BigInt(eventNumber) * 2654435761n) % BigInt(rows))
}

const sections = [
  'academy',
  'women',
  'sale',
  'running-shoes',
  'men',
  'accessories',
  'magazine',
  'gift-cards',
  'kids',
  'new',
]
const pages = [
  'checkout',
  'cart',
  'overview',
  'size-guide',
  'trail',
  'winter-jackets-and-coats',
  'socks',
  'faq',
  'all',
  'stores',
  'a-z',
]
const browsers = [
  'Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.6778.86 Safari/537.36',
  'Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.70',
  'iPhone; CPU iPhone OS 18_1_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1.1 Mobile/15E148 Safari/604.1',
  'X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0',
  'Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.6778.81 Mobile Safari/537.36',
]
const campaigns = ['winter', 'spring-sale', 'brand', 'running-2026', 'members']
const currencies = ['EUR', 'EUR', 'USD', 'GBP']

/**
 * Of sixteen kinds with eight different frames, mixed, and with texts and numbers of different lengths: what is alike in events
 * must not flatter who remembers it.
 */
export function eventText(number: number, rows: number): string {
  const kind = Math.imul(number, 0x9e3779b1) >>> 28
  const has = (bit: number) => (kind & (1 << bit)) !== 0
  const mixed = Math.imul(number ^ (number >>> 15), 0x85ebca6b) >>> 4
  const some = (list: readonly string[], salt: number) => list[(mixed >>> salt) % list.length]!
  const section = some(sections, 0)
  const page = some(pages, 3)
  return JSON.stringify({
    anonymousId: `23adfd82-aa0f-45a7-a756-${String(number).padStart(12, '0')}`,
    channel: 'browser',
    context: {
      ip: `203.0.${mixed & 127}.${(mixed >>> 7) & 255}`,
      library: { name: 'analytics.js', version: '2.11.1' },
      locale: 'de-DE',
      ...(has(0) ? { screen: { width: 1440, density: 2 } } : {}),
      page: {
        path: `/${section}/${page}/`,
        referrer: `https://shop.example/${some(sections, 5)}/${some(pages, 8)}?step=2`,
        search: has(1) ? `?utm_source=newsletter&utm_medium=email&utm_campaign=${some(campaigns, 2)}` : '',
        title: `${page} – Shop Example`,
        url: `https://shop.example/${section}/${page}/`,
      },
      userAgent: `Mozilla/5.0 (${some(browsers, 11)}`,
      campaign: has(1)
        ? { name: some(campaigns, 2), source: 'newsletter', medium: 'email', term: some(pages, 9) }
        : null,
    },
    event: 'Order Completed',
    integrations: { All: true },
    messageId: `ajs-next-1667936457-${String(number).padStart(12, '0')}`,
    properties: {
      order_id: `o-${number}`,
      product_id: productId(rowOf(number, rows)),
      total: (mixed % 40_000) / 100,
      quantity: 1 + (number % 5),
      currency: some(currencies, 6),
      coupon: has(2) ? `WINTER-${number % 97}` : null,
      ...(has(3) ? { shipping: 4.9, tags: ['sale', 'running'] } : {}),
    },
    receivedAt: timeText(number + 213),
    sentAt: timeText(number + 123),
    timestamp: timeText(number + 32),
    type: 'track',
    userId: `user-${String(number % 250_000).padStart(15, '0')}`,
    version: 1,
  })
}

/** Bytes of an event, on average. */
export function eventBytes(rows: number): number {
  const some = 1000
  let bytes = 0
  for (let number = 0; number < some; number++) bytes += Buffer.byteLength(eventText(number, rows))
  return Math.round(bytes / some)
}

export const trigger = 'type = "track" and event = "Order Completed"'

const column = (name: string) => ({ '@path': `$.__segment_entities.${space}.${entity}.${name}` })

/** What becomes of an event: the whole row put into it, a payload of fifteen fields, or one of eight of which nothing is computed. */
export const mappings: Readonly<Record<'event' | 'payload' | 'plain', JsonObject>> = {
  event: { properties: { product: { '@path': `$.__segment_entities.${space}.${entity}` } } },
  payload: {
    user_id: { '@path': '$.userId' },
    anonymous_id: { '@path': '$.anonymousId' },
    event_name: { '@path': '$.event' },
    time: { '@path': '$.timestamp' },
    insert_id: { '@template': '{{messageId}}-{{type}}' },
    currency: { '@case': { operator: 'lower', value: { '@path': '$.properties.currency' } } },
    revenue: { '@path': '$.properties.total' },
    order: { '@replace': { pattern: 'o-', replacement: '', value: { '@path': '$.properties.order_id' } } },
    quantity: { '@path': '$.properties.quantity' },
    page: { url: { '@path': '$.context.page.url' }, title: { '@path': '$.context.page.title' } },
    campaign: { '@path': '$.context.campaign.name' },
    product_name: column('NAME'),
    product_label: {
      '@template': `{{__segment_entities.${space}.${entity}.NAME}} ({{__segment_entities.${space}.${entity}.CATEGORY}})`,
    },
    price: column('PRICE'),
    source: 'web',
  },
  plain: {
    user_id: { '@path': '$.userId' },
    event_name: { '@path': '$.event' },
    time: { '@path': '$.timestamp' },
    revenue: { '@path': '$.properties.total' },
    page: { url: { '@path': '$.context.page.url' } },
    product_name: column('NAME'),
    price: column('PRICE'),
    source: 'web',
  },
}
