import { request } from 'node:http'
import { connect } from 'node:net'
import { Command } from 'commander'
import { endpointOf, formatAddress } from '../config/address.ts'
import type { Endpoint, Listener } from '../runtime/snapshot.ts'
import { type ConfigOptions, loadFromOptions, withConfigOptions } from './options.ts'
import { wholeNumber } from './whole-number.ts'

interface HealthcheckOptions extends ConfigOptions {
  /** Milliseconds. */
  readonly timeout: number
}

/** A path above the root: whoever listens must answer it, with 400, and no server behind is troubled. */
const NOBODYS_PATH = '/..'

/** `limpet healthcheck`: whether a balancer with this configuration answers on this machine. */
export function healthcheckCommand(): Command {
  return withConfigOptions(new Command('healthcheck'))
    .summary('ask whether the load balancer answers on this machine')
    .description('Asks the first listener for an HTTP answer over loopback, and exits with 0 if there is one, else 1.')
    .option('--timeout <ms>', 'how long it may take, in ms', wholeNumber(1, 60_000), 2000)
    .action(healthcheck)
}

async function healthcheck({ timeout, ...options }: HealthcheckOptions): Promise<void> {
  const { config } = await loadFromOptions(options)
  const listener = config.listeners[0]!
  const endpoint = reachable(listener)
  const place = ('path' in endpoint ? '' : 'http://') + formatAddress(endpoint)
  try {
    const status = await statusFrom(endpoint, listener.proxyProtocol, timeout)
    console.log(`healthy: ${place} answers (${status})`)
  } catch (error) {
    console.log(`unhealthy: ${place} does not answer: ${(error as Error).message}`)
    process.exitCode = 1
  }
}

/** Where a listener is reached from the same machine. */
function reachable(listener: Listener): Endpoint {
  const endpoint = endpointOf(listener)
  if ('path' in endpoint) return endpoint
  const { host, port } = endpoint
  const loopback = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host]
  return { host: loopback ?? host, port }
}

/** The header of the PROXY protocol (2.1) by which a proxy speaks for itself; anybody may. */
const FOR_MYSELF = 'PROXY UNKNOWN\r\n'

function statusFrom(endpoint: Endpoint, proxyProtocol: boolean, timeout: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeout)
    const headers = { 'User-Agent': 'limpet-healthcheck', Connection: 'close' }
    const createConnection = () => {
      const socket = connect(endpoint)
      if (proxyProtocol) socket.write(FOR_MYSELF)
      return socket
    }
    const authority = 'path' in endpoint ? {} : endpoint
    request({ ...authority, path: NOBODYS_PATH, headers, signal, createConnection })
      .on('response', (response) => {
        response.resume()
        resolve(response.statusCode!)
      })
      .on('error', (error) => reject(signal.aborted ? new Error(`nothing came within ${timeout} ms`) : error))
      .end()
  })
}
