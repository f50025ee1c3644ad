import { type Access, openConnection } from './access.ts'
import { failureOf, type Verdict } from './verdict.ts'

/** Opens a connection, by TLS where the server has that, and closes it. `signal` aborts it. */
export async function checkTcp(access: Access, signal: AbortSignal): Promise<Verdict> {
  const { endpoint, tls } = access
  const place = 'path' in endpoint ? `unix:${endpoint.path}` : `TCP port ${endpoint.port}`
  const what = tls === undefined ? place : `TLS on ${place}`
  try {
    const socket = await openConnection(access, signal)
    socket.end(() => socket.destroy())
    return { passed: true, cause: `${what} is open` }
  } catch (error) {
    return failureOf(what, error as Error, signal)
  }
}
