import type { IncomingMessage } from 'node:http'
import type { AdminPlace } from './admin-listener.ts'
import { NOT_READY } from './readiness.ts'

/** The most characters of an answer that are read. */
const LONGEST = 1000

/**
 * Asks the `/readyz` of a Limpet.
 *
 * @returns why it is not ready; '' if it is; undefined if none answers there
 */
export async function askReadiness(place: AdminPlace, signal: AbortSignal): Promise<string | undefined> {
  // It is large, and most Limpets ask nobody.
  const { request } = await import('node:http')
  const where = 'socket' in place ? { socketPath: place.socket } : { host: place.address, port: place.port }
  return new Promise((resolve) => {
    request({ ...where, path: '/readyz', headers: { Host: 'localhost' }, agent: false, signal })
      .on('response', async (response) => {
        const line = await lineOf(response).catch(() => '')
        if (response.statusCode === 200 && line === 'ready') resolve('')
        else
          resolve(response.statusCode === 503 && line.startsWith(NOT_READY) ? line.slice(NOT_READY.length) : undefined)
      })
      .on('error', () => resolve(undefined))
      .end()
  })
}

async function lineOf(response: IncomingMessage): Promise<string> {
  let line = ''
  for await (const bytes of response) {
    line += bytes
    if (line.length > LONGEST) break
  }
  return line.trimEnd()
}
