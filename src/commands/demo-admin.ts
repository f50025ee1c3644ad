import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MACHINE_TOKEN } from '../control/admin/admin-access.ts'
import { StateDirectory } from '../control/state/state-directory.ts'
import type { Warn } from '../observability/log.ts'

/** The usual port of the admin API. */
const USUAL_PORT = 9000

/**
 * Makes a directory for the state of one run of the demo: the changes and sessions of an earlier one would be of servers
 * that have ended.
 *
 * @param token that of this machine, so that `limpet top` and `limpet dashboard` find it
 */
export function temporaryState(token: string, warn: Warn): StateDirectory {
  const state = new StateDirectory(mkdtempSync(join(tmpdir(), 'limpet-demo-')), {}, warn)
  state.write(MACHINE_TOKEN, Buffer.from(`${token}\n`))
  return state
}

/** The usual port of the admin API on loopback, or any free one where another program has it. */
export async function freeAdminPort(): Promise<number> {
  return (await portIfFree(USUAL_PORT)) ?? (await portIfFree(0))!
}

async function portIfFree(wanted: number): Promise<number | undefined> {
  const server = createServer().listen({ host: '127.0.0.1', port: wanted })
  try {
    await once(server, 'listening')
  } catch {
    return undefined
  }
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
