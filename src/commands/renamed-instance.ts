import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import type { Status } from '../admin/answers.ts'
import { endpointOf, formatAddress } from '../config/address.ts'
import type { Config } from '../config/schema.ts'
import { formatListener } from './listener-text.ts'

/** How long one of them may take to say what it listens on, in ms. */
const WITHIN = 2000

/** The default sockets of admin APIs in the directory of this one. */
function socketsBeside(socket: string): string[] {
  try {
    const folder = dirname(socket)
    const names = readdirSync(folder).filter((name) => /^admin-.+\.sock$/.test(name))
    return names.map((name) => join(folder, name))
  } catch {
    return []
  }
}

/**
 * The admin socket, beside the one where it is expected, of the Limpet that listens where this configuration says:
 * its instance had another name when it started, because the file was edited since, or its listeners were.
 */
export async function socketOfRunning(config: Config, expected: string): Promise<string | undefined> {
  const own = new Set(config.listeners.map((listener) => formatAddress(endpointOf(listener))))
  const found = await Promise.all(
    socketsBeside(expected).map(async (socket) =>
      (await listenersAt(socket)).some((place) => own.has(place)) ? [socket] : [],
    ),
  )
  const sockets = found.flat()
  return sockets.length === 1 ? sockets[0] : undefined
}

/** What the Limpet of that admin socket listens on; nothing if none answers there. */
function listenersAt(socketPath: string): Promise<string[]> {
  return new Promise((resolve) => {
    request({ socketPath, path: '/v1/status', host: 'localhost', signal: AbortSignal.timeout(WITHIN) })
      .on('error', () => resolve([]))
      .on('response', async (response) => {
        try {
          const { listeners }: Status = JSON.parse(Buffer.concat(await response.toArray()).toString())
          resolve(listeners.map(formatListener))
        } catch {
          resolve([])
        }
      })
      .end()
  })
}
