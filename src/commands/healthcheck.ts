import { request } from 'node:http'
import { connect } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { Command } from 'commander'
import { askReadiness } from '../admin/readiness-inquiry.ts'
import { endpointOf, formatAddress } from '../config/address.ts'
import type { Listener } from '../config/listener.ts'
import type { Config } from '../config/schema.ts'
import type { Endpoint, ListeningPlace } from '../runtime/snapshot.ts'
import { configuredPlace } from './admin-place.ts'
import { type ConfigOptions, loadFromOptions, withConfigOptions } from './options.ts'
import { wholeNumber } from './whole-number.ts'

interface HealthcheckOptions extends ConfigOptions {
  /** Milliseconds. */
  readonly timeout: number
}

/** A path above the root. Limpet answers it with 400 itself, so no server gets the request. */
const PATH_ABOVE_ROOT = '/..'

/** `limpet healthcheck`: whether a balancer with this configuration answers on this machine. */
export function healthcheckCommand(): Command {
  return withConfigOptions(new Command('healthcheck'))
    .summary('ask whether the load balancer answers on this machine')
    .description(
      'Sends a request to the first listener over loopback, and asks the admin API, if there is one, whether Limpet is ready. ' +
        'Exits with 0 if there is a response, and nothing says that it is not ready; else with 1.',
    )
    .option('--timeout <ms>', 'the maximum time for the response, in ms', wholeNumber(1, 60_000), 2000)
    .action(healthcheck)
}

async function healthcheck({ timeout, ...options }: HealthcheckOptions): Promise<void> {
  const { config } = await loadFromOptions(options)
  const listener = config.listeners[0]!
  const endpoint = reachable(listener)
  const isSecure = listener.tls !== undefined
  const place = ('path' in endpoint ? '' : `${isSecure ? 'https' : 'http'}://`) + formatAddress(endpoint)
  const [answer, obstacle] = await Promise.all([
    answerOf(endpoint, listener, timeout).catch((error: Error) => error),
    obstacleOf(config, options, timeout),
  ])
  if (obstacle) unhealthy(`${place} is not ready: ${obstacle}`)
  else if (answer instanceof Error) unhealthy(`${place} does not answer: ${answer.message}`)
  else console.log(`healthy: ${place} answers (${answer})`)
}

function unhealthy(what: string): void {
  console.log(`unhealthy: ${what}`)
  process.exitCode = 1
}

/** Why Limpet is not ready, as its admin API says; '' or undefined if it does not say that. */
async function obstacleOf(config: Config, options: ConfigOptions, timeout: number): Promise<string | undefined> {
  const place = await configuredPlace(config, options)
  if (place === undefined) return undefined
  const reached = 'socket' in place ? place : { ...place, address: onThisMachine(place.address) }
  return askReadiness(reached, AbortSignal.timeout(timeout))
}

/** The endpoint at which this machine reaches a listener. */
function reachable(listener: ListeningPlace): Endpoint {
  const endpoint = endpointOf(listener)
  if ('path' in endpoint) return endpoint
  return { ...endpoint, host: onThisMachine(endpoint.host) }
}

/** The address at which this machine reaches who listens at that one. */
function onThisMachine(address: string): string {
  return { '0.0.0.0': '127.0.0.1', '::': '::1' }[address] ?? address
}

/** The PROXY header (protocol specification, 2.1) of a connection from the proxy itself. Any peer may send it. */
const OWN_CONNECTION = 'PROXY UNKNOWN\r\n'

/** What OpenSSL says of the alert of a listener that has no certificate yet, as before the first one on demand (RFC 6066 §3). */
const NO_CERTIFICATE = /\bSSL alert number 112\b/

/** The status of the response or, where there can be no request, what else shows that Limpet answers. */
function answerOf(endpoint: Endpoint, { proxyProtocol, tls }: Listener, timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeout)
    const headers = { 'User-Agent': 'limpet-healthcheck', Connection: 'close' }
    const createConnection = () => {
      const socket = connect(endpoint)
      if (proxyProtocol) socket.write(OWN_CONNECTION)
      // It asks whether Limpet answers. Whether browsers trust the certificate is what `limpet check` says.
      if (tls === undefined) return socket
      const secure = connectSecurely({ socket, rejectUnauthorized: false })
      if (tls.clientCertificates?.mode !== 'required') return secure
      return secure.once('secureConnect', () => resolve('a handshake; requests need a certificate'))
    }
    const authority = 'path' in endpoint ? {} : endpoint
    request({ ...authority, path: PATH_ABOVE_ROOT, headers, signal, createConnection })
      .on('response', (response) => {
        response.resume()
        resolve(String(response.statusCode))
      })
      .on('error', (error) => {
        if (NO_CERTIFICATE.test(error.message)) resolve('an alert; there is no certificate yet')
        else reject(signal.aborted ? new Error(`no response within ${timeout} ms`) : error)
      })
      .end()
  })
}
