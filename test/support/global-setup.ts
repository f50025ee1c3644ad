/**
 * The global setup of `npm test`. All test processes, and the programs that they start, share a cache of compiled code:
 * there are hundreds of both, and each would compile the same modules again.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Programs that tests run in temporary folders leave files behind that nothing uses again. */
const MOST_FILES = 10_000

export function globalSetup(): void {
  const folder = fileURLToPath(new URL('../../node_modules/.cache/tests', import.meta.url))
  if (existsSync(folder) && readdirSync(folder, { recursive: true }).length > MOST_FILES)
    rmSync(folder, { recursive: true })
  process.env.NODE_COMPILE_CACHE = folder
}
