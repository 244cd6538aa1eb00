/** A day of a shop's events, about 1 KB each, the same for the same number: browsing, carts, orders, and the odd broken line. */

export interface EventSizes {
  readonly events: number
  readonly products: number
  readonly accounts: number
}

/** The shop's keys, as its warehouse has them. */
export interface Keys {
  sku(n: number): string
  account(n: number): number
}

/** Lines without line ends. */
export function* shopEvents({ events, products, accounts }: EventSizes, keys: Keys): Generator<string> {
  const random = numbers(20_261_125)
  const start = Date.parse('2026-11-24T08:00:00Z')
  for (let n = 0; n < events; n++) {
    const time = start + Math.floor((n / events) * 12 * 3_600_000)
    yield n % 1250 === 1249 ? broken(n, random) : JSON.stringify(event(n, time, random, { products, accounts }, keys))
  }
}

type Random = (below: number) => number

/** Numbers that look random and are the same each time (a 32-bit xorshift). */
function numbers(seed: number): Random {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const names = [
  'Product Viewed',
  'Product Viewed',
  'Product Viewed',
  'Product Added',
  'Product Added',
  'Order Completed',
]
const cities = [
  ['Lisbon', 'PT', 'Europe/Lisbon'],
  ['Berlin', 'DE', 'Europe/Berlin'],
  ['Austin', 'US', 'America/Chicago'],
  ['Osaka', 'JP', 'Asia/Tokyo'],
  ['São Paulo', 'BR', 'America/Sao_Paulo'],
] as const
const agents = [
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0',
]

function event(
  n: number,
  time: number,
  random: Random,
  sizes: { products: number; accounts: number },
  keys: Keys,
): object {
  const user = random(40_000)
  const [city, country, timezone] = cities[user % cities.length]!
  const stamp = new Date(time).toISOString()
  const common = {
    messageId: `ajs-${hex(random)}${hex(random)}${hex(random)}`,
    timestamp: stamp,
    anonymousId: `${hex(random)}-${hex(random).slice(0, 4)}`,
    userId: `user_${user}`,
    context: {
      ip: `203.0.113.${user % 254}`,
      locale: 'en-US',
      timezone,
      location: { city, country },
      userAgent: agents[user % agents.length],
      page: { path: `/shop/${random(400)}`, url: 'https://shop.example/', referrer: 'https://www.google.com/' },
      library: { name: 'analytics.js', version: '2.11.1' },
      ...consent(user),
    },
    ...(user % 97 === 0 ? { integrations: { All: true, braze: false } } : {}),
  }
  if (n % 9 === 0) return { type: 'page', name: 'Home', properties: { title: 'Shop' }, ...common }
  const name = names[random(names.length)]!
  return { type: 'track', event: name, properties: properties(name, random, sizes, keys), ...common }
}

function consent(user: number): object {
  if (user % 5 !== 0) return {}
  return {
    consent: { categoryPreferences: { analytics: true, marketing: user % 15 !== 0, advertising: user % 10 !== 0 } },
  }
}

function properties(
  name: string,
  random: Random,
  { products, accounts }: { products: number; accounts: number },
  keys: Keys,
): object {
  const product = random(100) < 2 ? `OLD-${random(9999)}` : keys.sku(random(products))
  const account = keys.account(random(accounts))
  const accountId = random(100) < 30 ? {} : { account_id: random(2) === 0 ? account : String(account) }
  const basics = random(250) === 0 ? accountId : { product_id: product, ...accountId }
  if (name !== 'Order Completed') return { ...basics, quantity: 1 + random(3), currency: 'USD' }
  return {
    order_id: `50314b8e9bcf${String(random(1e9)).padStart(9, '0')}`,
    ...basics,
    quantity: 1 + random(4),
    total: (2000 + random(30_000)) / 100,
    currency: 'USD',
    coupon: random(4) === 0 ? 'BLACKWEEK' : null,
    affiliation: 'web',
  }
}

function broken(n: number, random: Random): string {
  const kinds = [
    '{"type":"track","event":"Order Comple',
    '<html>502 Bad Gateway</html>',
    '["not","an","event"]',
    `{"type":"track",,"n":${n}}`,
  ]
  return kinds[random(kinds.length)]!
}

function hex(random: Random): string {
  return random(4_294_967_296).toString(16).padStart(8, '0')
}
