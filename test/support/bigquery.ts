/** BigQuery for tests: goccy's emulator (Go), built once, behind our own front, on 127.0.0.1. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BigQueryFront, startBigQueryFront } from './bigquery-front.ts'
import { cached, command, listening, spawnServer, supportFolder } from './engine.ts'
import { freePort } from './ports.ts'

const version = 'v0.8.1'
const help = 'the emulator is built with Go 1.25 or newer, from modules of the Go proxy'

/** The folder with the program. Building it takes 3 to 7 minutes of two cores, once. */
export function bigQueryEmulator(): Promise<string> {
  return cached(`bigquery-emulator-${version}`, async (folder) => {
    const source = mkdtempSync(join(tmpdir(), 'le-bigquery-source-'))
    try {
      // Its own go.mod and hashes: `go install module@version` would ask for a list of versions that not every proxy has.
      cpSync(join(supportFolder, 'bigquery-emulator'), source, { recursive: true })
      const program = 'github.com/goccy/bigquery-emulator/cmd/bigquery-emulator'
      const line = ['go', 'build', '-mod=readonly', '-trimpath', '-o', join(folder, 'bigquery-emulator'), program]
      await command(line, help, { cwd: source, env: { CGO_ENABLED: '0' } })
    } finally {
      rmSync(source, { recursive: true, force: true })
    }
  })
}

/** A new one for every file of tests: it grows. `GOGC`: its parser's memory is freed by Go's garbage collector only. */
export async function startBigQuery(): Promise<BigQueryFront> {
  const program = join(await bigQueryEmulator(), 'bigquery-emulator')
  const [port, grpc] = [await freePort(), await freePort()]
  const temporary = mkdtempSync(join(tmpdir(), 'le-bigquery-'))
  const args = ['--host=127.0.0.1', '--project=shop', '--dataset=main', `--port=${port}`, `--grpc-port=${grpc}`]
  const env = { ...process.env, GOGC: '20', TMPDIR: temporary }
  const child = spawnServer([program, ...args], { env })
  const emulator = await listening(child, `http://127.0.0.1:${port}`)
  const front = await startBigQueryFront(emulator.url)
  return {
    ...front,
    async stop() {
      await front.stop()
      await emulator.stop()
      rmSync(temporary, { recursive: true, force: true })
    },
  }
}
