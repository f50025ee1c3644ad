import type { Agent, ClientRequest, IncomingMessage } from 'node:http'

/** How many questions a worker asks of one service at once; more are refused, so that a slow one does not use up the memory. */
const MOST_AT_ONCE = 256
/** How many connections to it stay open without a question. */
const MOST_IDLE = 32
/** How much of an answer is read, in bytes. A page to sign in at has less. */
const LARGEST_BODY = 128 * 1024

/** A field as it is on the wire. */
export type Field = readonly [name: string, value: string]

/** What the service answers. Texts have one byte a character. */
export interface AuthAnswer {
  readonly status: number
  readonly fields: readonly Field[]
  /** Empty for an answer that lets the request go on. */
  readonly body: Buffer
}

/** The service gives no answer that can be used. */
export class NoAnswer extends Error {}

/** Asks an HTTP service about requests, over connections that stay open. */
export class AuthClient {
  readonly #url: URL
  readonly #timeout: number
  #agent: Promise<Connections> | undefined
  #asking = 0

  /** @param timeout how long an answer may take, in ms */
  constructor(url: string, timeout: number) {
    this.#url = new URL(url)
    this.#timeout = timeout
  }

  /**
   * Asks about a request.
   *
   * @param fields those of the question, without Host
   * @param leaving aborted where nobody waits for the answer any more
   * @throws NoAnswer
   */
  async ask(fields: readonly Field[], leaving: AbortController): Promise<AuthAnswer> {
    if (this.#asking >= MOST_AT_ONCE) throw new NoAnswer(`${this.#url.host} has not answered ${MOST_AT_ONCE} questions`)
    this.#asking++
    const { signal } = leaving
    const timer = setTimeout(() => leaving.abort(), this.#timeout)
    try {
      return await this.#exchange(fields, signal)
    } catch (error) {
      throw error instanceof NoAnswer ? error : new NoAnswer(this.#reason(error as NodeJS.ErrnoException, signal))
    } finally {
      clearTimeout(timer)
      this.#asking--
    }
  }

  /** No more is asked: connections close as their questions are answered. */
  close(): void {
    void this.#agent?.then(({ agent }) => {
      agent.maxFreeSockets = 0
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
    })
  }

  async #exchange(fields: readonly Field[], signal: AbortSignal): Promise<AuthAnswer> {
    this.#agent ??= connectionsTo(this.#url)
    const { agent, request } = await this.#agent
    const headers = ['Host', this.#url.host, ...fields.flat(), 'Connection', 'keep-alive']
    for (;;) {
      const sent = request(this.#url, { agent, headers, signal })
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
      sent.on('response', resolve)
      sent.on('error', reject)
      // Node.js reports nothing else where the service switches protocols without being asked.
      sent.on('close', () => reject(new Error('the connection was closed')))
      sent.end()
      try {
        return await answerOf(await promise, this.#url.host)
      } catch (error) {
        // The service closed an idle connection at the same moment. A question changes nothing, so it may be asked again.
        const isStale = sent.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
        if (!isStale) throw error
      }
    }
  }

  #reason({ code, message }: NodeJS.ErrnoException, signal: AbortSignal): string {
    const { host } = this.#url
    if (signal.aborted) return `${host} does not answer within ${this.#timeout} ms`
    if (code === 'ECONNREFUSED') return `${host} refuses connections`
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `${host} has no address (${code})`
    return `${host} gives no answer: ${message}`
  }
}

interface Connections {
  readonly agent: Agent
  readonly request: (
    url: URL,
    options: { readonly agent: Agent; readonly headers: readonly string[]; readonly signal: AbortSignal },
  ) => ClientRequest
}

/** Node's client is loaded by workers that need it only: it costs each of them 25 ms and 7 MB. */
async function connectionsTo({ protocol }: URL): Promise<Connections> {
  const { Agent, request } = protocol === 'https:' ? await import('node:https') : await import('node:http')
  const agent = new Agent({ keepAlive: true, maxSockets: MOST_AT_ONCE, maxFreeSockets: MOST_IDLE, scheduling: 'lifo' })
  return { agent, request }
}

async function answerOf(response: IncomingMessage, host: string): Promise<AuthAnswer> {
  const status = response.statusCode!
  if (status < 200 || status > 599) throw new NoAnswer(`${host} answers with the status ${status}`)
  const raw = response.rawHeaders
  const fields = Array.from({ length: raw.length / 2 }, (_, index): Field => [raw[2 * index]!, raw[2 * index + 1]!])
  const isGranted = status >= 200 && status < 300
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of response) {
    size += piece.length
    // A short rest is read, so that the connection can be used again.
    if (isGranted && size > LARGEST_BODY) break
    if (size > LARGEST_BODY) throw new NoAnswer(`${host} answers ${status} with more than ${LARGEST_BODY} bytes`)
    if (!isGranted) pieces.push(piece)
  }
  return { status, fields, body: Buffer.concat(pieces) }
}
