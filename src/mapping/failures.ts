/** What Segment's package notices only when it runs a directive, though no event can make it work. */
import type { JsonValue } from '../json.ts'
import { type DirectiveName, isRecord } from './directive.ts'
import { parseLiquid } from './liquid.ts'

const fieldOf = (argument: JsonValue, name: string): JsonValue | undefined =>
  isRecord(argument) ? argument[name] : undefined

const tooLong = (value: JsonValue | undefined): boolean => typeof value === 'string' && value.length > 10

/** The message of an argument that can only fail, by directive; null when it can work. */
export const failures: ReadonlyMap<DirectiveName, (argument: JsonValue) => string | null> = new Map<
  DirectiveName,
  (argument: JsonValue) => string | null
>([
  [
    '@if',
    (argument) =>
      fieldOf(argument, 'exists') || fieldOf(argument, 'blank') || !isRecord(argument)
        ? null
        : '@if requires an "exists" key or a "blank" key',
  ],
  [
    '@case',
    (argument) => {
      const operator = fieldOf(argument, 'operator')
      if (!operator) return '@case requires a "operator" key'
      return operator === 'upper' || operator === 'lower'
        ? null
        : 'operator key should have a value of "lower" or "upper"'
    },
  ],
  [
    '@replace',
    (argument) => {
      if (tooLong(fieldOf(argument, 'pattern2'))) return '@replace requires a "pattern" less than 10 characters'
      const second = fieldOf(argument, 'replacement2')
      return tooLong(second) ? '@replace requires a "replacement" less than 10 characters' : null
    },
  ],
  ['@json', (argument) => (fieldOf(argument, 'value') ? null : '@json requires a "value" key')],
  ['@flatten', (argument) => (fieldOf(argument, 'separator') ? null : '@flatten requires a "separator" key')],
  ['@merge', (argument) => (fieldOf(argument, 'direction') ? null : '@merge requires a "direction" key')],
  [
    '@liquid',
    (argument) => {
      if (typeof argument !== 'string') return null
      try {
        parseLiquid(argument)
        return null
      } catch (error) {
        return `@liquid: ${(error as Error).message.split('\n')[0]}`
      }
    },
  ],
])
