import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Program } from './program.ts'

/** Makes a folder for one run of a bench. When the bench ends, all its programs are killed and the folder is removed. */
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
