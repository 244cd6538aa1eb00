/** A process that is one member of a group, to be killed, stopped and woken by fault tests. Its argument: `MemberOptions` as JSON. */
import { counter, runMember } from './enrich-lane.ts'

const { counted, tell } = counter()
const abort = new AbortController()
process.on('SIGTERM', () => abort.abort())
await runMember(JSON.parse(process.argv[2] ?? '{}'), abort.signal, (fact) => {
  tell(fact)
  if (fact.name === 'partitions-assigned') console.log(`assigned ${fact.partitions.length}`)
  else if (fact.name === 'batch-enriched') console.log('batch')
  else if (fact.name !== 'transaction-ended' || !fact.committed)
    console.log(`${new Date().toISOString()} ${JSON.stringify(fact)}`)
})
console.log(`counted ${JSON.stringify(counted)}`)
console.log('left')
