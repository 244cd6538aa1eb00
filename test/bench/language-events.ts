/** The events of the language benchmark: parsed JSON of about 1 KB with a matched row, no two the same; a number gives the same one always. */
import { type JsonObject, parseJson } from '../../src/json.ts'

const names = ['Order Completed', 'Order Completed', 'Order Completed', 'Product Viewed', 'Cart Viewed']
const towns = ['Ulm', 'Aachen', 'Freiburg im Breisgau']

export function languageEvents(count: number): JsonObject[] {
  return Array.from({ length: count }, (_, number) => parseJson(JSON.stringify(languageEvent(number))) as JsonObject)
}

function languageEvent(number: number): JsonObject {
  const id = String(number).padStart(6, '0')
  const products = Array.from({ length: 1 + (number % 3) }, (_, index) => ({
    product_id: `SKU-${number + index}`,
    name: `Trail running shoe ${number + index}`,
    price: 19.5 + ((number + index) % 100),
    quantity: 1 + (index % 2),
  }))
  return {
    anonymousId: `4d7c8a3e-2f1b-4a3c-9b0e-6f5d4c${id}`,
    context: {
      ip: '203.0.113.7',
      locale: 'de-DE',
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36',
      page: {
        url: `https://shop.example/checkout/done?order=${number}`,
        path: number % 4 === 0 ? '/academy/pricing' : '/academy/checkout/done',
        title: 'Thank you',
      },
      ...(number % 4 === 1
        ? {}
        : { campaign: { name: `winter ${number % 20}`, source: 'newsletter', medium: 'email' } }),
      traits: { email: `user${number}@example.com`, plan: number % 3 === 0 ? 'free' : 'pro' },
    },
    event: names[number % names.length]!,
    messageId: `ajs-next-2b0ad6e2c1d14f0d9a${id}`,
    properties: {
      order_id: `o-${number}-${number % 7}`,
      product_id: `SKU-${number}`,
      total: 80.5 + (number % 90),
      currency: 'EUR',
      ...(number % 5 === 0 ? {} : { coupon: number % 2 === 0 ? null : 'SAVE10' }),
      products,
      shipping: { city: towns[number % towns.length]!, method: { name: 'express', days: 1 + (number % 3) } },
    },
    timestamp: `2026-01-02T03:04:05.${id.slice(3)}Z`,
    type: 'track',
    ...(number % 8 === 0 ? {} : { userId: `user-${id}` }),
    __segment_entities: {
      'my-space': {
        'product-entity': {
          SKU: `SKU-${number}`,
          NAME: `Shoe ${number}`,
          PRICE_USD: 21.5 + (number % 9),
          CATEGORY: 'running',
        },
      },
    },
  }
}
