/** The rules of the language, one broken after another: each has its code, its hint, and its place, which ¶ marks in the text. */
import { expect, it } from 'vitest'
import { parseDataGraph } from '../../../src/graph/graph.ts'

/** A data graph of v1.0.0 without a mistake; a case replaces a piece of it. */
const whole = `data_graph {
  version = "v1.0.0"
  entity "account" {
    name = "Account"
    table_ref = "CRM.PUBLIC.ACCOUNTS"
    primary_key = "ID"
  }
  entity "cart" {
    name = "Cart"
    table_ref = "SHOP.PUBLIC.CARTS"
    primary_key = "ID"
    enrichment_enabled = true
  }
  profile {
    profile_folder = "SEGMENT.PROFILES"
    type = "segment:materialized"
    relationship "accounts" {
      name = "Accounts"
      related_entity = "account"
      external_id {
        type = "email"
        join_key = "EMAIL"
      }
      relationship "carts" {
        name = "Carts"
        related_entity = "cart"
        join_on = "account.ID = cart.ACCOUNT_ID"
      }
      relationship "shared-carts" {
        name = "Shared carts"
        related_entity = "cart"
        junction_table {
          table_ref = "SHOP.PUBLIC.SHARES"
          primary_key = "SHARE_ID"
          left_join_on = "account.ID = ACCOUNT_ID"
          right_join_on = "CART_ID = cart.ID"
        }
      }
    }
    relationship "vip" {
      name = "VIP"
      related_entity = "account"
      trait {
        name = "customer_number"
        join_key = "NUMBER"
      }
    }
  }
}
`
const externalId = 'external_id {\n        type = "email"\n        join_key = "EMAIL"\n      }'
const joinOn = 'join_on = "account.ID = cart.ACCOUNT_ID"'
const trait = 'trait {\n        name = "customer_number"\n        join_key = "NUMBER"\n      }'
const deep = (levels: number): string =>
  levels === 0
    ? ''
    : `relationship ${levels === 1 ? '¶' : ''}"l${levels}" { name = "L" related_entity = "cart" join_on = "cart.ID = cart.PARENT_ID" ${deep(levels - 1)} }`
const add = (line: string): readonly [string, string] => [
  '    enrichment_enabled = true\n',
  `    enrichment_enabled = true\n${line}\n`,
]
const older = (entity: string): readonly [string, string] => [
  whole,
  `data_graph {\n  version = "v0.0.6"\n  ${entity}\n}\n`,
]

type Case = readonly [name: string, piece: string, instead: string, code: string, hint: string]

/** A block without one of its lines; the block is the place of the problem. */
function without(head: string, line: string): readonly [string, string] {
  const from = whole.indexOf(`${head} {`)
  const piece = whole.slice(from, whole.indexOf(line, from) + line.length)
  return [piece, `¶${piece.slice(0, -line.length)}`]
}
/** A block with one more behind one of its lines. */
function and(head: string, line: string, more: string): readonly [string, string] {
  const [piece] = without(head, line)
  return [piece, `¶${piece}\n${more}`]
}
function missing(head: string, line: string): Case {
  const [attribute] = line.split(' ')
  return [`${head} without ${attribute}`, ...without(head, line), 'missing_attribute', `add ${attribute} = "…"`]
}

// biome-ignore format: one case a line
const cases: readonly Case[] = [
  // Versions
  ['an unknown version', 'version = "v1.0.0"', 'version = ¶"v1.1"', 'unsupported_version', 'known versions: v0.0.6, v1.0.0'],
  ['no version', ...without('data_graph', 'version = "v1.0.0"'), 'missing_attribute', 'add version = "v1.0.0"'],
  // Slugs
  ['capitals in the slug of an entity', 'entity "cart" {', 'entity ¶"Cart" {', 'invalid_slug', 'write entity "cart"'],
  ['white space in a slug', 'relationship "vip"', 'relationship ¶"my vip"', 'invalid_slug', 'write relationship "my-vip"'],
  ['an entity called __proto__', 'entity "cart" {', 'entity ¶"__proto__" {', 'invalid_slug', 'write entity "__proto__-1"'],
  ['a relationship called constructor', '"vip"', '¶"constructor"', 'invalid_slug', 'write relationship "constructor-1"'],
  ['an entity without a slug', 'entity "cart" {', '¶entity {', 'missing_attribute', 'write entity "some-slug" {'],
  ['an entity twice', 'entity "cart" {', 'entity ¶"account" {', 'duplicate_slug', 'a slug names one entity'],
  ['a relationship twice', 'relationship "vip"', 'relationship ¶"carts"', 'duplicate_slug', 'a slug names one relationship'],
  ['toString in the older version', ...older('entity ¶"toString" { table_ref = "t" primary_key = "k" }'), 'invalid_slug', 'write entity "tostring"'],
  // What each block needs
  missing('entity "cart"', 'name = "Cart"'),
  missing('entity "cart"', 'table_ref = "SHOP.PUBLIC.CARTS"'),
  missing('entity "cart"', 'primary_key = "ID"'),
  missing('profile', 'profile_folder = "SEGMENT.PROFILES"'),
  missing('profile', 'type = "segment:materialized"'),
  missing('relationship "vip"', 'name = "VIP"'),
  missing('relationship "carts"', 'related_entity = "cart"'),
  missing('external_id', 'type = "email"'),
  missing('external_id', 'join_key = "EMAIL"'),
  missing('trait', 'name = "customer_number"'),
  missing('trait', 'join_key = "NUMBER"'),
  missing('junction_table', 'table_ref = "SHOP.PUBLIC.SHARES"'),
  missing('junction_table', 'primary_key = "SHARE_ID"'),
  missing('junction_table', 'left_join_on = "account.ID = ACCOUNT_ID"'),
  missing('junction_table', 'right_join_on = "CART_ID = cart.ID"'),
  ['a relationship that does not join', ...without('relationship "vip"', trait), 'missing_join', 'add external_id or trait'],
  ['an inner one that does not join', ...without('relationship "carts"', joinOn), 'missing_join', 'add join_on or junction_table'],
  // Tables and keys
  ['a table of four parts', '"SHOP.PUBLIC.CARTS"', '¶"A.SHOP.PUBLIC.CARTS"', 'bad_type', 'write "DATABASE.SCHEMA.TABLE"'],
  ['a junction of four parts', '"SHOP.PUBLIC.SHARES"', '¶"A.B.C.D"', 'bad_type', 'write "DATABASE.SCHEMA.TABLE"'],
  ['a key of two columns', '"SHOP.PUBLIC.CARTS"\n    primary_key = "ID"', '"SHOP.PUBLIC.CARTS"\n    primary_key = ¶"ID, SHOP"', 'bad_type', 'name one column; join several in a view'],
  ['a name that is empty', 'name = "Cart"', 'name = ¶""', 'missing_attribute', 'write name = "…"'],
  ['a name that is a flag', 'name = "Cart"', 'name = ¶true', 'bad_type', 'write name = "…"'],
  ['a flag that is a text', 'enrichment_enabled = true', 'enrichment_enabled = ¶"true"', 'bad_type', 'write enrichment_enabled = true'],
  // Profile
  ['a second profile', '\n}\n', '\n  ¶profile {\n    profile_folder = "X"\n    type = "segment:dbt"\n  }\n}\n', 'duplicate_profile', 'a data graph has at most one'],
  ['a type of profile that is nearly right', '"segment:materialized"', '¶"segment:materialised"', 'bad_type', 'did you mean "segment:materialized"?'],
  ['materialization that is not known', ...older('profile { profile_folder = "x" materialization = ¶"always" }'), 'bad_type', 'one of dbt, segment, none'],
  // Joins
  ['both options', ...and('relationship "accounts"', externalId, trait), 'ambiguous_join', 'keep one of external_id and trait'],
  ['a join of columns below the profile', trait, 'join_on = ¶"account.ID = cart.ID"', 'bad_join', 'use external_id or trait'],
  ['a trait between entities', joinOn, trait.replace('trait', '¶trait'), 'bad_join', 'use join_on or junction_table'],
  ['a related entity that is nearly right', 'related_entity = "cart"\n        join_on', 'related_entity = ¶"carts"\n        join_on', 'unknown_entity', 'did you mean "cart"?'],
  ['a join of tables', joinOn, 'join_on = ¶"ACCOUNTS.ID = cart.ACCOUNT_ID"', 'bad_join', 'did you mean "account"?'],
  ['a join of one column', joinOn, 'join_on = ¶"account.ID"', 'bad_join', 'write "account.COLUMN = cart.COLUMN"'],
  ['a join of one entity', joinOn, 'join_on = ¶"cart.ID = cart.ACCOUNT_ID"', 'bad_join', 'write "account.COLUMN = cart.COLUMN"'],
  ['a junction without its column', '"account.ID = ACCOUNT_ID"', '¶"account.ID"', 'bad_join', 'write "account.COLUMN = JUNCTION_COLUMN"'],
  ['a junction with the wrong side', '"CART_ID = cart.ID"', '¶"CART_ID = account.ID"', 'bad_join', 'name the slug "cart"'],
  ['a junction of names only', '"CART_ID = cart.ID"', '¶"CART_ID = ID"', 'bad_join', 'write "JUNCTION_COLUMN = cart.COLUMN"'],
  ['a seventh level', joinOn, `${joinOn}\n ${deep(4)}`, 'too_deep', '6 levels at most, the profile included'],
  ['columns that identify neither side', joinOn, 'join_on = ¶"account.CART_NO = cart.ACCOUNT_ID"', 'unlike_keys', 'check that both columns hold the same ids'],
  // Words that do not belong
  ['an attribute that is nearly right', ...add('    ¶enrichment_enabld = true'), 'unknown_attribute', 'did you mean "enrichment_enabled"?'],
  ['an attribute that nobody knows', ...add('    ¶owner = "me"'), 'unknown_attribute', 'known here: name, description, table_ref, primary_key, enrichment_enabled'],
  ['a block that nobody knows', ...add('    ¶owner {\n    }'), 'unknown_attribute', 'known here: name, description, table_ref, primary_key, enrichment_enabled'],
  ['a block outside', 'data_graph {', '¶profile {\n}\ndata_graph {', 'syntax', 'put it inside data_graph { … }'],
  ['a second data graph', 'data_graph {', 'data_graph {\n  version = "v1.0.0"\n}\n¶data_graph {', 'syntax', 'one file holds one data graph'],
]

/** Where ¶ stands, and the text without it. */
function marked(text: string): { readonly text: string; readonly line: number | undefined; readonly column: number } {
  const before = text.split('¶')[0]!
  const lines = before.split('\n')
  return { text: text.replace('¶', ''), line: lines.length, column: lines.at(-1)!.length + 1 }
}

it('the text that the cases begin with has no mistake', () => {
  expect(parseDataGraph(whole).problems).toEqual([])
})

it.each(cases)('%s', (_, piece, instead, code, hint) => {
  expect(whole).toContain(piece)
  const { text, line, column } = marked(whole.replace(piece, () => instead))
  expect(parseDataGraph(text).problems).toContainEqual(expect.objectContaining({ code, line, column, hint }))
})
