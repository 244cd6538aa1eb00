/** Snowflake for tests: fakesnow (Python) behind our own front, on 127.0.0.1. */
import { join } from 'node:path'
import { cached, command, listening, type Server, spawnServer, supportFolder } from './engine.ts'
import { freePort } from './ports.ts'

/** 5.x of the connector has lost modules that fakesnow imports. */
const packages = ['fakesnow==0.11.14', 'snowflake-connector-python==4.8.1', 'duckdb==1.5.6', 'sqlglot==30.15.0']
const help = 'fakesnow needs Python 3 with venv (Debian: apt-get install python3-venv) and its packages from PyPI'

/** The virtual environment; making it takes some seconds, once. */
export function fakesnow(): Promise<string> {
  return cached('fakesnow-0.11.14', async (folder) => {
    await command(['python3', '-m', 'venv', folder], help)
    await command([join(folder, 'bin', 'python'), '-m', 'pip', 'install', '--quiet', ...packages], help)
  })
}

export async function startSnowflake(): Promise<Server> {
  const python = join(await fakesnow(), 'bin', 'python')
  const port = await freePort()
  const front = join(supportFolder, 'snowflake-front.py')
  const child = spawnServer([python, front, String(port)])
  return listening(child, `http://127.0.0.1:${port}`)
}
