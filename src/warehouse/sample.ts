/** A made-up shop in a DuckDB file: products and accounts, the same for the same sizes. For `demo` and the benchmarks. */
import { rmSync } from 'node:fs'

export interface SampleSizes {
  readonly products: number
  readonly accounts: number
}

/** Writes the file anew. */
export async function createSampleWarehouse(path: string, { products, accounts }: SampleSizes): Promise<void> {
  for (const old of [path, `${path}.wal`]) rmSync(old, { force: true })
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(path, { threads: '2' })
  const connection = await instance.connect()
  try {
    await connection.run(productsSql(products))
    await connection.run(accountsSql(accounts))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

const list = (words: readonly string[]) => `[${words.map((word) => `'${word.replaceAll("'", "''")}'`).join(', ')}]`
const pick = (words: readonly string[], by: string) => `${list(words)}[1 + CAST(${by} AS BIGINT) % ${words.length}]`

const kinds = [
  'Runner',
  'Sneaker',
  'Rain Jacket',
  'Crew Sweater',
  'Oxford Shirt',
  'Chino',
  'Backpack',
  'Field Watch',
  'Trail Sock',
  'Beanie',
  'Hoodie',
  'Tote Bag',
]
const kindCodes = ['RUN', 'SNK', 'JKT', 'SWT', 'SHI', 'CHI', 'BAG', 'WCH', 'SOC', 'BEA', 'HOD', 'TOT']
const categories = [
  'Shoes',
  'Shoes',
  'Outerwear',
  'Knitwear',
  'Shirts',
  'Trousers',
  'Bags',
  'Accessories',
  'Accessories',
  'Accessories',
  'Knitwear',
  'Bags',
]
const basePrices = [119, 89, 149, 79, 69, 75, 98, 185, 14, 24, 64, 39]
const materials = [
  'Merino',
  'Organic Cotton',
  'Recycled Nylon',
  'Linen',
  'Waxed Canvas',
  'Leather',
  'Wool',
  'Cotton Twill',
]
const colors = ['Navy', 'Black', 'Olive', 'Sand', 'Rust', 'Heather Grey', 'Forest', 'Cream']
const colorCodes = ['NVY', 'BLK', 'OLV', 'SND', 'RST', 'GRY', 'FOR', 'CRM']
const brands = ['Northfold', 'Halyard & Co.', 'Tessel', 'Oak Street', 'Marlowe', 'Fjordline', 'Juniper Works', 'Lumen']

function productsSql(count: number): string {
  return `CREATE TABLE products AS
    SELECT kind_code || '-' || lpad(CAST(i AS VARCHAR), 6, '0') || '-' || color_code AS "SKU",
      material || ' ' || kind || ', ' || color AS "NAME", brand AS "BRAND", category AS "CATEGORY", color AS "COLOR",
      CAST(base + (h // 64) % 40 AS DECIMAL(10, 2)) - 0.05 AS "PRICE_USD",
      CAST(round((base + (h // 64) % 40) * (0.38 + (h // 7 % 20) / 100.0), 2) AS DECIMAL(10, 2)) AS "COST_USD",
      CAST(h // 11 % 420 AS INTEGER) AS "STOCK", round(3.1 + (h // 13 % 19) / 10.0, 1) AS "RATING", h % 9 <> 0 AS "ACTIVE",
      DATE '2022-03-01' + CAST(h // 17 % 1300 AS INTEGER) AS "LAUNCHED_ON",
      TIMESTAMPTZ '2026-11-01 06:00:00+00' + to_seconds(CAST(h // 19 % 1900000 AS BIGINT)) AS "UPDATED_AT",
      CAST(to_json({'origin': ${pick(['Portugal', 'Italy', 'Vietnam', 'Türkiye', 'Japan'], 'h // 23')}, 'vegan': h % 3 = 0}) AS JSON) AS "ATTRIBUTES"
    FROM (SELECT *, ${pick(kinds, 'k')} AS kind, ${pick(kindCodes, 'k')} AS kind_code, ${pick(categories, 'k')} AS category,
            [${basePrices.join(', ')}][1 + k % ${basePrices.length}] AS base, ${pick(colors, 'c')} AS color, ${pick(colorCodes, 'c')} AS color_code,
            ${pick(materials, 'h // 3')} AS material, ${pick(brands, 'h // 5')} AS brand
          FROM (SELECT i, CAST(h AS BIGINT) AS h, CAST(i % ${kinds.length} AS BIGINT) AS k, CAST(i // ${kinds.length} % ${colors.length} AS BIGINT) AS c
                FROM (SELECT i, (i * 2654435761) % 4294967291 AS h FROM range(${count}) r(i))))`
}

const companies = [
  'Acme',
  'Bluebird',
  'Cobalt',
  'Driftwood',
  'Ember',
  'Foxglove',
  'Granite',
  'Harbor',
  'Ironwood',
  'Juniper',
  'Keystone',
  'Larkspur',
  'Meridian',
  'Nimbus',
  'Orchard',
  'Pinecrest',
]
const businesses = [
  'Logistics',
  'Labs',
  'Outfitters',
  'Health',
  'Foods',
  'Design',
  'Energy',
  'Media',
  'Robotics',
  'Travel',
]
const suffixes = ['Inc.', 'GmbH', 'Ltd.', 'BV', 'LLC', 'SAS']

function accountsSql(count: number): string {
  return `CREATE TABLE accounts AS
    SELECT CAST(1000000 + i AS BIGINT) AS "ACCOUNT_ID",
      ${pick(companies, 'h')} || ' ' || ${pick(businesses, 'h // 17')} || ' ' || ${pick(suffixes, 'h // 29')} AS "NAME",
      ${pick(['free', 'team', 'team', 'business', 'business', 'enterprise'], 'h // 3')} AS "PLAN",
      CAST(CASE h // 3 % 6 WHEN 0 THEN 0 ELSE 49 * (1 + h // 31 % 60) END AS DECIMAL(12, 2)) AS "MRR_USD",
      CAST(3 + h // 37 % 240 AS INTEGER) AS "SEATS", ${pick(['US', 'DE', 'GB', 'FR', 'NL', 'CA', 'JP', 'BR'], 'h // 41')} AS "COUNTRY",
      h % 50 = 0 AS "VIP", CASE WHEN h % 4 <> 0 THEN ${pick(['ana', 'jonas', 'mei', 'tariq', 'sofia'], 'h // 43')} || '@shop.example' END AS "OWNER_EMAIL",
      TIMESTAMP '2019-05-01 09:00:00' + to_seconds(CAST(h // 47 % 200000000 AS BIGINT)) AS "CREATED_AT"
    FROM (SELECT i, CAST((i * 2246822519) % 4294967291 AS BIGINT) AS h FROM range(${count}) r(i))`
}

/** SKU of the n-th product, as the table has it. */
export function skuOf(n: number): string {
  const kind = kindCodes[n % kinds.length]!
  const color = colorCodes[Math.floor(n / kinds.length) % colors.length]!
  return `${kind}-${String(n).padStart(6, '0')}-${color}`
}

export const accountIdOf = (n: number): number => 1_000_000 + n
