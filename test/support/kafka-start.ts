/** `tsx test/support/kafka-start.ts [NODES]`: a broker until Ctrl-C; prints the line to export. */
import { startBroker } from './kafka-broker.ts'

const broker = await startBroker({ nodes: Number(process.argv[2] ?? 1) })
console.log(`export KAFKA_BROKERS=${broker.brokers.join(',')}`)
const end = () => void broker.stop().then(() => process.exit(0))
process.on('SIGINT', end)
process.on('SIGTERM', end)
setInterval(() => {}, 60_000)
