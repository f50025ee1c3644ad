import { connect } from 'node:net'
import type { Server, TcpCheck } from '../snapshot.ts'
import { brokenOff, type Verdict } from './verdict.ts'

/**
 * Opens a connection, and closes it. `signal` breaks it off.
 *
 * @param preamble what a connection to the server begins with
 */
export function checkTcp(check: TcpCheck, server: Server, preamble: Uint8Array, signal: AbortSignal): Promise<Verdict> {
  const port = check.port ?? server.port
  const what = `TCP port ${port}`
  return new Promise((resolve) => {
    const socket = connect({ host: server.host, port, signal })
    socket.on('connect', () => {
      resolve({ passed: true, cause: `${what} is open` })
      socket.end(preamble, () => socket.destroy())
    })
    socket.on('error', (error) => resolve(brokenOff(what, error, signal)))
  })
}
