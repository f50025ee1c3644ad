import { once } from 'node:events'
import { type Agent, type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, TRY_HEADER, USER_HEADER, VISIT_HEADER } from './answer.ts'
import { CookieJar } from './cookie-jar.ts'

/** The outcome of one request, including its retries. */
export interface Visit {
  /** The server's answer; undefined if the visit failed. */
  readonly answer?: Answer
  /** Why it failed. */
  readonly failure?: string
  /** The number of refused connections. */
  readonly refused: number
  /** The number of requests sent again, because their connection was closed before a byte of the response. */
  readonly resent: number
}

type Reply =
  | { readonly kind: 'answered'; readonly response: IncomingMessage; readonly answer: Answer }
  | { readonly kind: 'refused' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly why: string }

/** How long a user waits for an answer, including all tries, in s. */
export const PATIENCE = 10
/** The time between a refused connection and the next try, in ms. */
const PAUSE = 50
/** The maximum number of times that one request is sent again. */
const MAX_RESENT = 5
/** Each user has a separate /24, because nginx's ip_hash treats all addresses of a /24 as the same client. */
const NETWORKS = 62_483

/**
 * A user with their own cookies and address. All of 127.0.0.0/8 is local on Linux. Like HTTP clients (RFC 9110 §9.2.2,
 * RFC 9112 §9.3.1), a user may retry a refused connection, and a request whose connection was closed before any response.
 */
export class User {
  readonly name: string
  readonly #cookies = new CookieJar()
  readonly #agent: Agent | false
  readonly #triesAgain: boolean
  readonly #patience: number
  #address: string
  #visits = 0

  /**
   * @param agent keeps the user's connection open; false: every request opens a new connection
   * @param triesAgain false: a connection that is refused, or closed before an answer, is a failure
   * @param patience how long they wait for an answer, including all tries, in s
   */
  constructor(index: number, agent: Agent | false, triesAgain: boolean, patience = PATIENCE) {
    this.name = `user-${index}`
    this.#agent = agent
    this.#triesAgain = triesAgain
    this.#patience = patience * 1000
    this.#address = addressOf(index)
  }

  /** Continues from the initial address of the user with this index, on new connections. */
  moveTo(index: number): void {
    this.#address = addressOf(index)
  }

  /** Makes one request to a port of 127.0.0.1. Never rejects. */
  async visit(port: number): Promise<Visit> {
    this.#visits++
    const deadline = performance.now() + this.#patience
    let refused = 0
    let resent = 0
    for (;;) {
      const reply = await this.#ask(port, refused + resent + 1, Math.max(1, deadline - performance.now()))
      if (!this.#triesAgain && (reply.kind === 'refused' || reply.kind === 'closed'))
        return { failure: `connection ${reply.kind}`, refused: reply.kind === 'refused' ? 1 : 0, resent: 0 }
      if (reply.kind === 'refused') {
        refused++
        await delay(PAUSE)
      } else if (reply.kind === 'closed') {
        resent++
      } else if (reply.kind === 'failed') return { failure: reply.why, refused, resent }
      else {
        this.#cookies.take(reply.response.headers['set-cookie'] ?? [])
        if (!reply.answer.isRepeated) return { answer: reply.answer, refused, resent }
        return { failure: 'the answer to a request that reached a server was lost', refused, resent }
      }
      if (performance.now() > deadline) return { failure: 'no connection in time', refused, resent }
      if (resent > MAX_RESENT) return { failure: 'closed repeatedly before an answer', refused, resent }
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
 * The address of a user. Cubing modulo a prime that is 2 modulo 3 is a permutation that looks random. With networks in
 * sequence, a hash as simple as ip_hash would give a pattern.
 */
function addressOf(index: number): string {
  const network = index ** 3 % NETWORKS
  return `127.${1 + Math.floor(network / 250)}.${network % 250}.${1 + (index % 250)}`
}

/** The maximum number of users: there must be addresses for one change of each user, and for new users. */
export const MAX_USERS = 20_000
