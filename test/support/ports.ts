/**
 * Ports for servers that tests start. Below those that systems give to outgoing connections (from 32768 on): one of these could
 * take a port between its choice and its use, or while the server that has it is down for a test.
 */
import { createServer } from 'node:net'

const first = 15_000
const last = 32_000

/** Different ports on 127.0.0.1 that nothing listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = first + Math.floor(Math.random() * (last - first))
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
