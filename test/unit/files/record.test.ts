import { expect, test } from 'vitest'
import { envelopeLine } from '../../../src/files/record.ts'
import { messageOf } from '../../support/pipeline.ts'

test('an envelope has the provenance, and in a replay its id', () => {
  const provenance = {
    destination: 'crm',
    action: 'send',
    mapping: 'All',
    outcome: 'full',
    entities: '',
    eventIdPrefix: 'abc',
  } as const
  const line = (extra?: [string, string][]) =>
    JSON.parse(
      envelopeLine(messageOf('{}', { offset: 7 }), Buffer.from('{"n": 1.50}'), provenance, extra).toString(),
    ) as {
      headers: Record<string, string>
      value: object
    }
  expect(line().headers).toMatchObject({ 'le.destination': 'crm', 'le.event_id': 'abc-0-7' })
  expect(line().headers).not.toHaveProperty('le.replay_id')
  expect(line([['le.replay_id', 'one']]).headers).toMatchObject({ 'le.replay_id': 'one' })
})
