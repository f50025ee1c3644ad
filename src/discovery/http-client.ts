import { type IncomingMessage, Agent as PlainAgent, request as plainRequest, type RequestOptions } from 'node:http'
import { Agent, request } from 'node:https'
import type { UpstreamTls } from '../config/tls/upstream-tls.ts'
import { answerTo, bodyOf, firstBytes } from '../runtime/http-answer.ts'
import { printable } from '../runtime/printable.ts'
import { tlsMessage } from '../runtime/tls-message.ts'
import { sourceFile } from './source-file.ts'

/** The largest answer and the longest line of a stream that are read, in bytes: 10,000 servers have about 10 MB in Consul. */
const LARGEST = 64 * 1024 * 1024
/** How much of an answer that reports an error is read and shown, in bytes. */
const SHOWN = 300
/** What each question says. What is compressed could be large in few bytes. */
const usual = { 'User-Agent': 'limpet', Accept: 'application/json', 'Accept-Encoding': 'identity' }
/** How long an answer may take, in ms. */
const PATIENCE = 10_000

export interface Question {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** How many bytes the answer may have. Default: 64 MiB. */
  readonly largest?: number
  /** How long the answer may take, in ms: to its last byte, or to the first one of a stream. Default: 10 s. */
  readonly patience?: number
  readonly signal: AbortSignal
  /** Further options of node:https, such as an agent. */
  readonly options?: RequestOptions
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** What an API answers where it does not do what it is asked for. */
export class Refused extends Error {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** What it says, for messages. */
  readonly says: string

  constructor(url: URL, { status, headers, body }: Answer) {
    const says = printable(body.trim().slice(0, SHOWN))
    super(`${url.host} answered ${url.pathname} with ${status}${says === '' ? '' : `: ${says}`}`)
    this.status = status
    this.headers = headers
    this.says = says
  }
}

/** Asks an API over HTTP or HTTPS, over few connections. All that it reads is bounded. */
export class HttpClient {
  readonly #agents: readonly [PlainAgent, Agent]

  /** @throws Error where a file of the TLS settings cannot be read */
  constructor(tls?: UpstreamTls) {
    const options = { keepAlive: true, keepAliveMsecs: 15_000, maxFreeSockets: 4 }
    this.#agents = [new PlainAgent(options), new Agent({ ...options, ...tlsOptionsOf(tls) })]
  }

  /**
   * The whole answer, where its status is 200.
   *
   * @throws Refused for another status
   * @throws Error where there is none
   */
  async ask(url: URL, { patience = PATIENCE, ...question }: Question): Promise<Answer> {
    const late = AbortSignal.timeout(patience)
    const signal = AbortSignal.any([question.signal, late])
    try {
      const response = await this.#send(url, question, signal)
      return await whole(url, response, question.largest)
    } catch (error) {
      throw late.aborted && !question.signal.aborted ? tooLate(url, patience) : failure(error, url, question)
    }
  }

  /**
   * The lines of an answer that does not end, each batch as it arrives. Ends where the server ends it.
   *
   * @throws Refused, Error
   */
  async *lines(url: URL, { patience = PATIENCE, ...question }: Question): AsyncGenerator<string[], void> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), patience)
    const signal = AbortSignal.any([question.signal, late.signal])
    let response: IncomingMessage | undefined
    try {
      response = await this.#send(url, question, signal)
      if (response.statusCode !== 200) await whole(url, response)
      clearTimeout(timer)
      yield* linesOf(response.setEncoding('utf8'))
    } catch (error) {
      throw late.signal.aborted && !question.signal.aborted ? tooLate(url, patience) : failure(error, url, question)
    } finally {
      clearTimeout(timer)
      response?.destroy()
    }
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy()
  }

  async #send(url: URL, question: Omit<Question, 'patience'>, signal: AbortSignal): Promise<IncomingMessage> {
    const { method = 'GET', headers, body, options } = question
    const isSecure = url.protocol === 'https:'
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }
    const begin = () =>
      (isSecure ? request : plainRequest)(url, {
        agent: this.#agents[isSecure ? 1 : 0],
        ...options,
        method,
        headers: { ...usual, ...options?.headers, ...headers, ...length },
        signal,
      })
    // No question changes anything, so each may be repeated.
    return answerTo(begin, body)
  }
}

/** The URL of what is below the base, which may have a path of its own. Parameters that are undefined are left out. */
export function urlBelow(
  base: string,
  path: string,
  query: Readonly<Record<string, string | readonly string[] | undefined>> = {},
): URL {
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`
  for (const [name, value] of Object.entries(query))
    for (const each of value === undefined ? [] : [value].flat()) url.searchParams.append(name, each)
  return url
}

async function whole(url: URL, response: IncomingMessage, largest = LARGEST): Promise<Answer> {
  const status = response.statusCode!
  const coding = response.headers['content-encoding'] ?? 'identity'
  if (status === 200 && coding !== 'identity')
    throw new Error(`its answer is compressed (${printable(coding.slice(0, 40))}), which was not asked for`)
  const read = status === 200 ? await bodyOf(response, largest) : (await firstBytes(response, SHOWN)).toString()
  const answer = { status, headers: response.headers, body: read }
  if (status !== 200) throw new Refused(url, answer)
  return answer
}

async function* linesOf(text: AsyncIterable<string>): AsyncGenerator<string[], void> {
  let rest = ''
  for await (const piece of text) {
    if (!piece.includes('\n')) {
      rest += piece
      if (rest.length > LARGEST) throw new Error(`its answer has a line of more than ${LARGEST} bytes`)
      continue
    }
    const lines = (rest + piece).split('\n')
    rest = lines.pop()!
    yield lines.filter((line) => line.trim() !== '')
  }
}

function tlsOptionsOf(tls: UpstreamTls | undefined) {
  if (tls === undefined) return {}
  const { ca, cert, key, serverName, verify } = tls
  return {
    rejectUnauthorized: verify,
    ...(ca !== undefined && { ca: sourceFile(ca) }),
    ...(cert !== undefined && { cert: sourceFile(cert) }),
    ...(key !== undefined && { key: sourceFile(key) }),
    ...(serverName !== undefined && { servername: serverName }),
  }
}

/** What to say of an exchange that failed; where the caller ended it, the reason that it gave. */
function failure(error: unknown, { host }: URL, { signal, options }: Question): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof Refused) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return new Error(`${host} has no address (${code})`)
  if (code === 'ECONNREFUSED') return new Error(`${host} refuses connections`)
  if (code === 'ECONNRESET' || message === 'aborted') return new Error(`${host} closed the connection in the middle`)
  // With options of its own, it knows better where its authorities are named.
  const isCertificate = options === undefined && /CERT|SIGNED|VERIFY|ISSUER/.test(code)
  const hint = isCertificate ? '; if its authority is your own, name the file with its certificate as tls.ca' : ''
  return new Error(`${host} cannot be asked: ${tlsMessage(message)}${hint}`, { cause: error })
}

function tooLate({ host }: URL, patience: number): Error {
  return new Error(`${host} does not answer within ${patience / 1000} s`)
}
