/**
 * From a value of the snapshot back to the text that the warehouse ships for it. Engines write some kinds differently, so
 * each kind has several forms, and which one a column has is learnt from examples. Whatever the form, `jsonText` of its text
 * is the value again: where the texts are equal, the values are.
 */
import { jsonText } from './row.ts'
import type { ColumnKind } from './warehouse.ts'

/** The text of a value, given as its JSON text and not null; undefined when this form has none for it. */
export type Form = (json: string) => string | undefined

/** The form that gives the most of these texts back; the first one when none does. */
export function learnForm(kind: ColumnKind, examples: Iterable<string>): Form {
  const forms = formsOf(kind)
  if (forms.length === 1) return forms[0]!
  const known = [...examples].map((text) => ({ text, json: jsonText(kind, text) }))
  const wanted = known.filter(({ json }) => json !== 'null')
  const hits = forms.map((form) => wanted.filter(({ text, json }) => form(json) === text).length)
  return forms[hits.indexOf(Math.max(...hits))]!
}

/** Whether engines write this kind in more than one way. */
export const hasForms = (kind: ColumnKind) => formsOf(kind).length > 1

export function formsOf(kind: ColumnKind): readonly Form[] {
  return forms[kind]
}

const asItIs: Form = (json) => json
const unquoted: Form = (json) => (json.includes('\\') ? (JSON.parse(json) as string) : json.slice(1, -1))
const date: Form = (json) => (/^"\d{4}-/.test(json) ? json.slice(1, -1) : undefined)

/** Decimals have the digits of their column's scale, where the engine does not cut the zeros. */
const decimalDigitsMax = 38
const decimals = Array.from({ length: decimalDigitsMax + 1 }, (_, scale): Form => {
  return (text) => {
    const fraction = text.length - (text.indexOf('.') + 1 || text.length)
    if (fraction >= scale || text.includes('e')) return text
    return `${text}${fraction === 0 ? '.' : ''}${'0'.repeat(scale - fraction)}`
  }
})

interface FloatStyle {
  /** Digits; left out: as few as tell the number from its neighbours. */
  readonly digits?: number
  /** Powers of ten from which on, and up to which, there is no exponent. */
  readonly from: number
  readonly to: number
  /** Behind whole numbers. */
  readonly whole: '' | '.0'
  readonly exponent: 'e+00' | 'E0'
}

const floats = (
  [
    { from: -4, to: 15, whole: '.0', exponent: 'e+00' },
    { from: -4, to: 14, whole: '', exponent: 'e+00' },
    { from: -4, to: 5, whole: '', exponent: 'e+00' },
    { from: -3, to: 6, whole: '.0', exponent: 'E0' },
    { from: -4, to: 16, whole: '', exponent: 'e+00', digits: 17 },
    { from: -4, to: 16, whole: '', exponent: 'e+00' },
  ] as const
).map(floatForm)

function floatForm(style: FloatStyle): Form {
  const [least, most] = [Number(`1e${style.from}`), Number(`1e${style.to + 1}`)]
  return (json) => {
    const number = Number(json)
    if (number === 0) return `0${style.whole}`
    // As it stands, where neither this engine nor JSON has an exponent.
    const size = Math.abs(number)
    if (style.digits === undefined && size >= least && size < most && json === String(number))
      return json.includes('.') ? json : json + style.whole
    const [mantissa = '', power = '0'] = number
      .toExponential(style.digits === undefined ? undefined : style.digits - 1)
      .split('e')
    const sign = number < 0 ? '-' : ''
    const all = mantissa.replace(/[-.]/g, '').replace(/0+$/, '') || '0'
    const exponent = Number(power)
    if (exponent < style.from || exponent > style.to) {
      const rest = all.slice(1) || (style.whole === '' || style.exponent !== 'E0' ? '' : '0')
      return `${sign}${all[0]}${rest === '' ? '' : `.${rest}`}${exponentText(exponent, style.exponent)}`
    }
    if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${all}`
    const whole = all.slice(0, exponent + 1).padEnd(exponent + 1, '0')
    const fraction = all.slice(exponent + 1)
    return `${sign}${whole}${fraction === '' ? style.whole : `.${fraction}`}`
  }
}

function exponentText(exponent: number, style: FloatStyle['exponent']): string {
  if (style === 'E0') return `E${exponent}`
  return `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

type Fraction = (digits: string) => string
const cut: Fraction = (text) => text.replace(/0+$/, '')
/** None, three, six or nine digits; as many as needed; always six; always nine. */
const fractions: readonly Fraction[] = [
  cut,
  (text) => (cut(text) === '' ? '' : text),
  (text) => text.padEnd(6, '0'),
  (text) => text.padEnd(9, '0'),
  (text) => text,
]

function timestamps(zones: readonly string[]): readonly Form[] {
  return zones.flatMap((zone) =>
    [' ', 'T'].flatMap((between) => fractions.map((fraction) => timestampForm({ zone, between, fraction }))),
  )
}

function timestampForm(style: { readonly zone: string; readonly between: string; readonly fraction: Fraction }): Form {
  return (json) => {
    const match = /^"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.(\d+)Z?"$/.exec(json)
    if (match === null) return undefined
    const fraction = style.fraction(match[3]!)
    return `${match[1]}${style.between}${match[2]}${fraction === '' ? '' : `.${fraction}`}${style.zone}`
  }
}

/** As PostgreSQL writes JSON: with a blank behind each comma and colon. */
const spaced: Form = (json) =>
  json.replace(/"(?:[^"\\]|\\.)*"|[,:]/g, (found) => (found.length === 1 ? `${found} ` : found))

const forms: Readonly<Record<ColumnKind, readonly Form[]>> = {
  integer: [asItIs],
  decimal: decimals,
  float: floats,
  boolean: [asItIs],
  text: [unquoted],
  binary: [unquoted],
  date: [date],
  timestamp: timestamps(['']),
  timestamp_zoned: timestamps(['+00', '', 'Z', '+00:00']),
  json: [asItIs, spaced],
}
