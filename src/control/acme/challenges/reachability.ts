import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { request } from 'node:http'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { printable } from '../protocol/problem.ts'
import type { Challenges } from './challenges.ts'

/** How long a look may take, in ms. */
const PATIENCE = 5000
/** How much of an answer is read, in bytes. */
const ENOUGH = 200

type Lookup = (host: string) => Promise<readonly string[]>

/** Finds out what answers where an authority has looked for this Limpet, as seen from this machine. */
export class Reachability {
  readonly #challenges: Challenges
  readonly #ports: { readonly http: number; readonly tls: number }
  readonly #lookup: Lookup

  constructor(challenges: Challenges, ports = { http: 80, tls: 443 }, addresses: Lookup = addressesOf) {
    this.#challenges = challenges
    this.#ports = ports
    this.#lookup = addresses
  }

  /** What is found, in a clause; it never throws. */
  async look(host: string, type: 'http-01' | 'tls-alpn-01'): Promise<string> {
    let addresses: readonly string[]
    try {
      addresses = isIP(host) === 0 ? await this.#lookup(host) : [host]
    } catch (error) {
      return `this machine finds no address of ${host} in the DNS (${(error as NodeJS.ErrnoException).code})`
    }
    const found = await Promise.all(
      addresses
        .slice(0, 2)
        .map((address) => (type === 'http-01' ? this.#http(host, address) : this.#tls(host, address))),
    )
    return found.join('; ')
  }

  /** Asks for an answer that only this Limpet gives. */
  async #http(host: string, address: string): Promise<string> {
    const port = this.#ports.http
    const place = placeOf(address, port)
    const token = randomBytes(16).toString('base64url')
    const body = randomBytes(16).toString('base64url')
    const end = await this.#challenges.add({ type: 'http', token, body })
    try {
      const answer = await get({ address, port, host, path: `/.well-known/acme-challenge/${token}` })
      if (answer.body === body) return `from this machine ${place} does lead here, so look at firewalls in between`
      const { status, server } = answer
      const by = server === undefined ? '' : ` (Server: ${printable(server)})`
      return `at ${place} something else answers, with status ${status}${by}; does the DNS lead to another machine?`
    } catch (error) {
      return `${place} cannot be reached from this machine either: ${(error as Error).message}`
    } finally {
      end()
    }
  }

  async #tls(host: string, address: string): Promise<string> {
    const port = this.#ports.tls
    const place = placeOf(address, port)
    const servername = isIP(host) === 0 ? host : ''
    const socket = connect({ host: address, port, servername, ALPNProtocols: ['http/1.1'], rejectUnauthorized: false })
    try {
      await new Promise<void>((resolve, reject) => {
        socket.setTimeout(PATIENCE, () => reject(new Error(`no answer within ${PATIENCE / 1000} s`)))
        socket.once('secureConnect', resolve).once('error', reject)
      })
      return `${place} does answer; does the DNS lead to another machine, or does a proxy in front end TLS?`
    } catch (error) {
      return `${place} cannot be reached from this machine either: ${(error as Error).message}`
    } finally {
      socket.destroy()
    }
  }
}

interface Place {
  readonly address: string
  readonly port: number
  readonly host: string
  readonly path: string
}

async function get({ address, port, host, path }: Place) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    server: string | undefined
    body: string
  }>()
  const signal = AbortSignal.timeout(PATIENCE)
  const sent = request({ host: address, port, path, headers: { Host: host }, signal, agent: false }, (response) => {
    let body = ''
    const done = () => resolve({ status: response.statusCode!, server: response.headers.server?.toString(), body })
    response.on('error', reject).on('end', done)
    response.on('data', (bytes: Buffer) => {
      body += bytes
      if (body.length > ENOUGH) done()
    })
  })
  sent.on('error', (error) =>
    reject(error.name === 'AbortError' ? new Error(`no answer within ${PATIENCE / 1000} s`) : error),
  )
  sent.end()
  try {
    return await promise
  } finally {
    sent.destroy()
  }
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address)
}

function placeOf(address: string, port: number): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
}
