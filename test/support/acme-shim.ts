// @peculiar/x509 demands it, and leaves it to the program.
import 'reflect-metadata'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { Pkcs10CertificateRequest } from '@peculiar/x509'
import { TestAuthority } from './certificates.ts'
import type { Pebble } from './pebble.ts'

/** What the shim knows of a certificate that it has issued. */
export interface Issued {
  readonly chain: string
  readonly profile: string | undefined
  /** The identifier of the certificate that its order replaces (RFC 9773 §5). */
  readonly replaces: string | undefined
}

/** What an authority knows of a host, and how it may be proven (RFC 8555 §7.1.4). */
export interface Authorization {
  readonly status: string
  readonly identifier: { readonly value: string }
  readonly challenges: readonly { readonly type: string; readonly token: string }[]
}

/** A refusal, as an ACME server answers it. */
export interface Refusal {
  readonly status: number
  readonly type: string
  readonly detail: string
  readonly retryAfter?: string
}

/** When to renew, as RFC 9773 §4.2 has it. */
export interface SuggestedWindow {
  readonly start: Date
  readonly end: Date
}

/**
 * Stands in front of Pebble, for what Pebble 2.4 does not know: renewal information (RFC 9773), profiles, rate limits, and
 * certificates that are valid for any time. Everything else passes as it is, signatures and nonces included: the shim keeps the
 * Host of requests, so that Pebble makes its URLs with the shim's address. Certificates are replaced by some of an authority of
 * its own, for the same key and names.
 */
export class AcmeShim {
  readonly directory: string
  /** What its API, and the certificates that it issues, are to be trusted by, as PEM. */
  readonly ca: string
  /** The names of its profiles. */
  profiles: readonly string[] = ['classic', 'shortlived']
  /** The life of certificates, in ms; undefined: Pebble's own certificates pass. */
  lifetime: number | undefined
  /** When certificates begin, in ms since 1970. */
  now: () => number = Date.now
  /** What it refuses, by the last segment of the path but for an order's or a certificate's: `sign-me-up`, `order-plz`. */
  refusals = new Map<string, Refusal>()
  /** How it refuses orders that say which certificate they replace. */
  refusalOfReplacements: Refusal | undefined
  /** Called before a challenge is begun, which waits for it. */
  beforeChallenge: () => Promise<void> = async () => {}
  /** Whether it answers nothing at all. */
  isDown = false
  /** When the certificate with that identifier is to be renewed; undefined: it does not know it. */
  suggest: ((id: string) => SuggestedWindow | undefined) | undefined
  readonly issued: Issued[] = []
  /** The authorizations that were read so far. */
  readonly authorizations: Authorization[] = []
  /** Paths of requests so far. */
  readonly asked: string[] = []
  /** Payloads of new orders so far. */
  readonly orders: { readonly profile?: string; readonly replaces?: string; readonly identifiers: unknown }[] = []
  readonly #pebble: Pebble
  readonly #authority: TestAuthority
  /** By the URL of the order, what it asked for, and the public key and names of its request. */
  #order: { profile?: string; replaces?: string } = {}
  readonly #requests: Pkcs10CertificateRequest[] = []

  private constructor(pebble: Pebble, authority: TestAuthority, port: number) {
    this.#pebble = pebble
    this.#authority = authority
    this.ca = authority.ca
    this.directory = `https://127.0.0.1:${port}/dir`
  }

  static async start(test: TestContext, pebble: Pebble): Promise<AcmeShim> {
    const authority = await TestAuthority.create()
    const { cert, key } = await authority.issue(['127.0.0.1'])
    const server = createServer({ cert, key }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const shim = new AcmeShim(pebble, authority, (server.address() as AddressInfo).port)
    server.on('request', (incoming, response) => void shim.#serve(incoming, response).catch(() => response.destroy()))
    test.after(() => {
      server.close()
      server.closeAllConnections()
    })
    return shim
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = incoming.url!
    const body = await buffer(incoming)
    if (this.isDown) return void response.destroy()
    this.asked.push(path)
    const [, kind] = path.split('/')
    const refusal = this.refusals.get(kind!)
    if (refusal !== undefined && incoming.method === 'POST') return refuse(response, refusal)
    if (kind === 'renewal-info') return this.#answerWhen(path.split('/')[2]!, response)
    const payload = payloadOf(body)
    if (kind === 'order-plz') {
      this.orders.push(payload)
      this.#order = payload
      if (payload.replaces !== undefined && this.refusalOfReplacements !== undefined)
        return refuse(response, this.refusalOfReplacements)
      if (payload.profile !== undefined && !this.profiles.includes(payload.profile)) {
        return refuse(response, { status: 400, type: 'invalidProfile', detail: `no profile ${payload.profile}` })
      }
    }
    if (kind === 'finalize-order')
      this.#requests.push(new Pkcs10CertificateRequest(Buffer.from(payload.csr, 'base64url')))
    // A request without a payload only reads it.
    if (kind === 'chalZ' && JSON.parse(body.toString()).payload !== '') await this.beforeChallenge()
    const answer = await this.#pass(incoming, body)
    if (kind === 'authZ' && answer.status === 200) this.authorizations.push(JSON.parse(answer.body.toString()))
    let content: Buffer = answer.body
    if (kind === 'dir') content = this.#directoryWith(content)
    if (kind === 'certZ' && answer.status === 200 && this.lifetime !== undefined)
      content = await this.#reissued(content)
    const { 'content-length': _, ...headers } = answer.headers
    response.writeHead(answer.status, headers).end(content)
  }

  async #pass(incoming: IncomingMessage, body: Buffer) {
    const { url, method, headers } = incoming
    const sent = request({
      host: '127.0.0.1',
      port: this.#pebble.port,
      path: url,
      method,
      headers: { ...headers, 'accept-encoding': 'identity' },
      ca: this.#pebble.caPem,
      servername: '',
      checkServerIdentity: () => undefined,
    }).end(body)
    const [received] = (await once(sent, 'response')) as [IncomingMessage]
    return { status: received.statusCode!, headers: received.headers, body: await buffer(received) }
  }

  #directoryWith(content: Buffer): Buffer {
    const found = JSON.parse(content.toString())
    const profiles = Object.fromEntries(this.profiles.map((name) => [name, `the profile ${name}`]))
    const renewalInfo = this.suggest && { renewalInfo: new URL('/renewal-info', this.directory).href }
    return Buffer.from(JSON.stringify({ ...found, ...renewalInfo, meta: { ...found.meta, profiles } }))
  }

  #answerWhen(id: string, response: ServerResponse): void {
    const window = this.suggest?.(id)
    if (window === undefined) return refuse(response, { status: 404, type: 'malformed', detail: 'no such certificate' })
    const suggestedWindow = { start: window.start.toISOString(), end: window.end.toISOString() }
    const headers = { 'content-type': 'application/json', 'retry-after': '21600' }
    response.writeHead(200, headers).end(JSON.stringify({ suggestedWindow }))
  }

  /** A certificate for the same key and names, by this shim's authority. */
  async #reissued(content: Buffer): Promise<Buffer> {
    const original = new X509Certificate(content)
    const publicKey = original.publicKey.export({ type: 'spki', format: 'der' })
    const digest = (der: Uint8Array) => createHash('sha256').update(der).digest('hex')
    const sought = digest(publicKey)
    const found = this.#requests.find(({ publicKey: { rawData } }) => digest(new Uint8Array(rawData)) === sought)!
    const from = this.now()
    const chain = await this.#authority.issueFor(found, new Date(from), new Date(from + this.lifetime!))
    this.issued.push({ chain, profile: this.#order.profile, replaces: this.#order.replaces })
    return Buffer.from(chain)
  }
}

function payloadOf(body: Buffer) {
  if (body.length === 0) return {}
  const { payload } = JSON.parse(body.toString())
  return payload === '' ? {} : JSON.parse(Buffer.from(payload, 'base64url').toString())
}

function refuse(response: ServerResponse, { status, type, detail, retryAfter }: Refusal): void {
  const headers = {
    'content-type': 'application/problem+json',
    ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
  }
  const problem = { type: `urn:ietf:params:acme:error:${type}`, detail, status }
  response.writeHead(status, headers).end(JSON.stringify(problem))
}
