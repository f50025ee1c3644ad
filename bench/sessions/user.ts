import { once } from 'node:events'
import { type Agent, type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, TRY_HEADER, USER_HEADER, VISIT_HEADER } from './answer.ts'
import { CookieJar } from './cookie-jar.ts'

/** What came of one request and of what was tried again for it. */
export interface Visit {
  /** The server's; undefined if the visit failed. */
  readonly answer?: Answer
  /** Why it failed. */
  readonly failure?: string
  /** Connections that nobody accepted. */
  readonly refused: number
  /** Requests that were sent again because their connection was closed before a byte of an answer came. */
  readonly resent: number
}

type Reply =
  | { readonly kind: 'answered'; readonly response: IncomingMessage; readonly answer: Answer }
  | { readonly kind: 'refused' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly why: string }

/** How long a user waits for an answer, all tries included, in ms. */
const PATIENCE = 10_000
/** Between a refused connection and the next try, in ms. */
const PAUSE = 50
/** How often one request is sent again. */
const MAX_RESENT = 5
/** Users have a /24 each: in one, nginx's ip_hash takes all for the same client. */
const NETWORKS = 62_483

/**
 * Somebody with cookies and an address of their own. All of 127.0.0.0/8 is local on Linux. Users do as HTTP clients do
 * (RFC 9110 §9.2.2, RFC 9112 §9.3.1): they try a refused connection again, and a request that was closed on before any answer.
 */
export class User {
  readonly name: string
  readonly #cookies = new CookieJar()
  readonly #agent: Agent | false
  #address: string
  #visits = 0

  /** @param agent keeps the user's connection open; false: every request has a connection of its own */
  constructor(index: number, agent: Agent | false) {
    this.name = `user-${index}`
    this.#agent = agent
    this.#address = addressOf(index)
  }

  /** Goes on from the address that a user of that index starts with, on new connections. */
  moveTo(index: number): void {
    this.#address = addressOf(index)
  }

  /** Makes one request to that port of 127.0.0.1. Never rejects. */
  async visit(port: number): Promise<Visit> {
    this.#visits++
    const deadline = performance.now() + PATIENCE
    let refused = 0
    let resent = 0
    for (;;) {
      const reply = await this.#ask(port, refused + resent + 1, Math.max(1, deadline - performance.now()))
      if (reply.kind === 'refused') {
        refused++
        await delay(PAUSE)
      } else if (reply.kind === 'closed') {
        resent++
      } else if (reply.kind === 'failed') return { failure: reply.why, refused, resent }
      else {
        this.#cookies.take(reply.response.headers['set-cookie'] ?? [])
        if (!reply.answer.isRepeated) return { answer: reply.answer, refused, resent }
        return { failure: 'the answer to a request that a server had got was lost', refused, resent }
      }
      if (performance.now() > deadline) return { failure: 'no connection in time', refused, resent }
      if (resent > MAX_RESENT) return { failure: 'closed on again and again', refused, resent }
    }
  }

  async #ask(port: number, tried: number, timeout: number): Promise<Reply> {
    const { header } = this.#cookies
    const asked = request({
      host: '127.0.0.1',
      port,
      path: `/rooms/${this.name}?user=${this.name}`,
      localAddress: this.#address,
      agent: this.#agent,
      timeout,
      headers: {
        [USER_HEADER]: this.name,
        [VISIT_HEADER]: this.#visits,
        [TRY_HEADER]: tried,
        ...(header !== undefined && { Cookie: header }),
      },
    })
    let isLate = false
    asked.on('timeout', () => {
      isLate = true
      asked.destroy()
    })
    asked.end()
    let response: IncomingMessage
    try {
      ;[response] = (await once(asked, 'response')) as [IncomingMessage]
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (isLate) return { kind: 'failed', why: 'no answer in time' }
      if (code === 'ECONNREFUSED') return { kind: 'refused' }
      if (code === 'ECONNRESET' || code === 'EPIPE') return { kind: 'closed' }
      return { kind: 'failed', why: message }
    }
    try {
      const { statusCode } = response
      if (statusCode === 200) return { kind: 'answered', response, answer: (await json(response)) as Answer }
      await response.resume().toArray()
      return { kind: 'failed', why: `status ${statusCode}` }
    } catch {
      return { kind: 'failed', why: isLate ? 'no answer in time' : 'the answer broke off' }
    }
  }
}

/**
 * Cubing modulo a prime that is 2 modulo 3 meets every number once, in no order: from steps of equal size, a hash as
 * simple as ip_hash would make a pattern.
 */
function addressOf(index: number): string {
  const network = index ** 3 % NETWORKS
  return `127.${1 + Math.floor(network / 250)}.${network % 250}.${1 + (index % 250)}`
}

/** The most users that there are addresses for, if each changes theirs once and newcomers come as well. */
export const MAX_USERS = 20_000
