/**
 * The global setup of `npm test`. All test processes, and the programs that they start, share a cache of compiled code:
 * there are hundreds of both, and each would compile the same modules again.
 */
import { fileURLToPath } from 'node:url'

export function globalSetup(): void {
  process.env.NODE_COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/tests', import.meta.url))
}
