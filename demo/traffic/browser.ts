import { Agent as HttpAgent, type IncomingMessage, request as requestByHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestByHttps } from 'node:https'
import { WebSocket } from 'ws'
import type { Site } from './site.ts'

/** The maximum time for an answer, in ms. */
const WITHIN = 10_000

/** A browser as far as a load balancer sees it: its address, its cookies, and connections that it keeps open. */
export class Browser {
  readonly #site: Site
  readonly #localAddress: string | undefined
  readonly #agent: HttpAgent
  readonly #cookies = new Map<string, string>()

  /** @param localAddress where its connections come from; undefined leaves that to the system */
  constructor(site: Site, localAddress: string | undefined) {
    this.#site = site
    this.#localAddress = localAddress
    const options = { keepAlive: true, maxSockets: 2, maxFreeSockets: 1 }
    this.#agent = this.#isSecure ? new HttpsAgent({ ...options, ca: site.ca }) : new HttpAgent(options)
  }

  /** Sends a request, and reads the whole answer. Resolves to its status; 0 where there is none. */
  ask(method: 'GET' | 'POST', path: string, body?: string): Promise<number> {
    const send = this.#isSecure ? requestByHttps : requestByHttp
    const options = { method, agent: this.#agent, localAddress: this.#localAddress, headers: this.#headers }
    return new Promise((resolve) => {
      send(new URL(path, this.#site.url), { ...options, signal: AbortSignal.timeout(WITHIN) })
        .on('response', (response) => {
          this.#keepCookies(response)
          response.resume().on('close', () => resolve(response.statusCode!))
        })
        .on('error', () => resolve(0))
        .end(body)
    })
  }

  /** Opens a WebSocket. The caller listens to its errors. */
  open(path: string): WebSocket {
    const url = new URL(path, this.#site.url)
    const options = { localAddress: this.#localAddress, headers: this.#headers, ca: this.#site.ca }
    const socket = new WebSocket(url, { ...options, handshakeTimeout: WITHIN, perMessageDeflate: false })
    return socket.on('upgrade', (response) => this.#keepCookies(response))
  }

  /** What a user does who deletes the cookies, or opens a private window. */
  forget(): void {
    this.#cookies.clear()
  }

  get #isSecure(): boolean {
    return this.#site.url.protocol === 'https:'
  }

  get #headers(): Record<string, string> {
    const cookies = [...this.#cookies].map(([name, value]) => `${name}=${value}`)
    return { 'User-Agent': 'limpet-demo', ...(cookies.length > 0 && { Cookie: cookies.join('; ') }) }
  }

  #keepCookies({ headers }: IncomingMessage): void {
    for (const line of headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=;]+)=([^;]*)/.exec(line) ?? []
      if (name !== undefined && value !== undefined) this.#cookies.set(name, value)
    }
  }
}
