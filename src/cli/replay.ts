/** `replay`: a bounded stretch of topics again. Not built yet, and says so. */
import { LinkedEventsError } from '../errors.ts'

export async function replay(): Promise<number> {
  throw new LinkedEventsError('NOT_YET', 'replay comes with a later version', {
    hint: 'until then: `linked-events run --until-end` with another source.kafka.group reads the topics from their beginning',
  })
}
