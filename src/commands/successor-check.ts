import { request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { parseAddress } from '../config/address.ts'

/** Between two checks, in ms. */
const CHECK_EVERY = 500
/** The maximum time of one, in ms. */
const CHECK_WITHIN = 5000

/**
 * Checks a server from here until it passes.
 *
 * @param path what must be answered with a status below 400; undefined if a connection is enough
 * @param deadline ms since 1970
 * @returns why it has not passed, if it has not
 */
export async function checkUntil(
  address: string,
  path: string | undefined,
  deadline: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (;;) {
    const within = AbortSignal.any([signal, AbortSignal.timeout(Math.min(CHECK_WITHIN, deadline - Date.now()))])
    const trouble = await (path === undefined ? connecting(address, within) : asking(address, path, within))
    if (trouble === undefined || signal.aborted || Date.now() + CHECK_EVERY >= deadline) return trouble
    await setTimeout(CHECK_EVERY, undefined, { signal }).catch(() => {})
  }
}

function connecting(address: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ ...parseAddress(address), signal })
    socket.on('error', ({ message }) => resolve(signal.aborted ? 'it does not accept connections in time' : message))
    socket.on('connect', () => {
      socket.destroy()
      resolve(undefined)
    })
  })
}

function asking(address: string, path: string, signal: AbortSignal): Promise<string | undefined> {
  const endpoint = parseAddress(address)
  const place = 'path' in endpoint ? { socketPath: endpoint.path, host: 'localhost' } : endpoint
  return new Promise((resolve) => {
    request({ ...place, path, signal, agent: false, headers: { 'User-Agent': 'limpet-replace' } })
      .on('error', ({ message }) => resolve(signal.aborted ? `${path} is not answered in time` : message))
      .on('response', (response) => {
        response.destroy()
        const { statusCode = 0 } = response
        resolve(statusCode < 400 ? undefined : `${path} is answered with status ${statusCode}`)
      })
      .end()
  })
}
