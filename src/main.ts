#!/usr/bin/env node
/** Picks a command, prints errors, sets the exit code. */
import { program } from './cli/program.ts'

const code = await program(process.argv.slice(2))
// Results may still be on their way through a pipe; a driver's idle handle must not keep the process.
await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
process.exit(code)
