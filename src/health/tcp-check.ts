import { connect } from 'node:net'
import type { Endpoint } from '../runtime/snapshot.ts'
import { failureOf, type Verdict } from './verdict.ts'

/**
 * Opens a connection, and closes it. `signal` aborts it.
 *
 * @param preamble the first bytes on a connection to the server
 */
export function checkTcp(endpoint: Endpoint, preamble: Uint8Array, signal: AbortSignal): Promise<Verdict> {
  const what = 'path' in endpoint ? `unix:${endpoint.path}` : `TCP port ${endpoint.port}`
  return new Promise((resolve) => {
    const socket = connect({ ...endpoint, signal })
    socket.on('connect', () => {
      resolve({ passed: true, cause: `${what} is open` })
      socket.end(preamble, () => socket.destroy())
    })
    socket.on('error', (error) => resolve(failureOf(what, error, signal)))
  })
}
