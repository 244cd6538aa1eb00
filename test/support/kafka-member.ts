/** A process that is one member of a group, to be killed, stopped and woken by fault tests. Its argument: `MemberOptions` as JSON. */
import { counter, runMember } from './enrich-lane.ts'

const abort = new AbortController()
process.on('SIGTERM', () => abort.abort())
const { counted, tell } = counter()
await runMember(JSON.parse(process.argv[2] ?? '{}'), abort.signal, (fact) => {
  tell(fact)
  if (fact.name === 'partitions-assigned') console.log(`assigned ${fact.partitions.length}`)
  if (fact.name === 'transaction-ended' && !fact.committed) console.log(`aborted: ${fact.reason}`)
  if (fact.name === 'batch-enriched') console.log(JSON.stringify(counted))
})
console.log('left')
