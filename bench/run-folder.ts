import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Program } from './program.ts'

/** Makes a folder for one run of a bench. Everything that was started ends, and the folder goes, however the bench ends. */
export function makeRunFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-bench-'))
  process.on('exit', () => {
    Program.killAll()
    rmSync(folder, { recursive: true, force: true })
  })
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => {
      console.error('\nStopping.')
      process.exit(code)
    })
  }
  return folder
}
