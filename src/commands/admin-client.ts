import { type IncomingMessage, type RequestOptions, request as requestByHttp } from 'node:http'
import type { AdminOptions } from './admin-options.ts'
import { type AdminPlace, formatPlace, placeFrom } from './admin-place.ts'
import { problemFrom } from './admin-problem.ts'
import { CommandFailure } from './command-failure.ts'

/** The maximum time for an answer, in ms: of what is there, and of a change, which all workers confirm. */
const READ_WITHIN = 5000
const CHANGE_WITHIN = 60_000

/** Loaded where it is used: it loads TLS, too, which doubles the time that Node.js takes to start. */
const nodeHttps = () => process.getBuiltinModule('node:https')

/** No admin API has answered, or not whole. */
export class Unreachable extends CommandFailure {}

/** One message of an event stream. */
export interface StreamedEvent {
  readonly id: string
  readonly type: string
  readonly data: string
}

interface Content {
  /** A value, which is sent as JSON, or a text of `type`. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A client of the admin API of a running Limpet. All its failures are CommandFailures. */
export class AdminClient {
  readonly #place: AdminPlace

  constructor(place: AdminPlace) {
    this.#place = place
  }

  static async from(options: AdminOptions): Promise<AdminClient> {
    return new AdminClient(await placeFrom(options))
  }

  async get<Answer>(path: string): Promise<Answer> {
    return JSON.parse(await this.getText(path, 'application/json'))
  }

  /** Asks for a text in that media type. */
  async getText(path: string, type: string): Promise<string> {
    const signal = AbortSignal.timeout(READ_WITHIN)
    return this.#textOf(path, await this.#send('GET', path, { headers: { Accept: type } }, signal))
  }

  /** Asks for a change, or for what needs a body. Throws AdminProblem if it is refused. */
  async change<Answer>(method: string, path: string, content: Content = {}): Promise<Answer> {
    const signal = AbortSignal.timeout(CHANGE_WITHIN)
    return JSON.parse(await this.#textOf(path, await this.#send(method, path, content, signal)))
  }

  /**
   * Opens a stream of the events from now on, or after the one with that id. It ends, or throws Unreachable, when the
   * connection does.
   *
   * @param lastId empty for none
   * @param signal ends it
   */
  async events(path: string, lastId: string, signal?: AbortSignal): Promise<AsyncIterable<StreamedEvent>> {
    const headers = { Accept: 'text/event-stream', ...(lastId !== '' && { 'Last-Event-ID': lastId }) }
    const response = await this.#send('GET', path, { headers }, signal)
    if (response.statusCode !== 200) throw this.#failureOf(path, response, await read(response))
    return eventsIn(partsOf(response))
  }

  async #textOf(path: string, response: IncomingMessage): Promise<string> {
    const text = await read(response)
    const { statusCode = 0, headers } = response
    const isOurs = /^application\/(?:json|yaml)/.test(headers['content-type'] ?? '')
    if (statusCode >= 200 && statusCode < 300 && isOurs) return text
    throw this.#failureOf(path, response, text)
  }

  #failureOf(path: string, { statusCode, headers }: IncomingMessage, text: string): CommandFailure {
    const problem = problemFrom(headers['content-type'] ?? '', text)
    const place = `${formatPlace(this.#place)}${path}`
    return problem ?? new CommandFailure(`the server at ${place} is no admin API of Limpet (status ${statusCode})`)
  }

  #send(method: string, path: string, { body, headers }: Content, signal?: AbortSignal): Promise<IncomingMessage> {
    const { endpoint } = this.#place
    const token = this.#place.token(method !== 'GET')
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const options: RequestOptions = {
      method,
      headers: {
        Connection: 'close',
        ...(text !== undefined && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(signal !== undefined && { signal }),
    }
    return new Promise((resolve, reject) => {
      const request =
        endpoint instanceof URL
          ? (endpoint.protocol === 'https:' ? nodeHttps().request : requestByHttp)(new URL(path, endpoint), options)
          : requestByHttp({ ...options, path, host: 'localhost', socketPath: endpoint.socket })
      request
        .on('response', resolve)
        .on('error', (error: NodeJS.ErrnoException) => reject(this.#unreachable(error, signal)))
        .end(text)
    })
  }

  #unreachable({ code, message }: NodeJS.ErrnoException, signal: AbortSignal | undefined): Unreachable {
    const place = formatPlace(this.#place)
    if (signal?.aborted) return new Unreachable(`the admin API at ${place} has not answered in time`)
    if (code === 'EACCES')
      return new Unreachable(`${place} belongs to another user (EACCES): run this as the user of limpet`)
    return new Unreachable(
      `no admin API answers at ${place} (${code ?? message}): is limpet running with this configuration, and admin not off?`,
    )
  }
}

async function read(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of partsOf(response)) text += part
  return text
}

async function* partsOf(response: IncomingMessage): AsyncGenerator<string> {
  try {
    yield* response.setEncoding('utf8')
  } catch (error) {
    throw new Unreachable(`the admin API broke off its answer: ${(error as Error).message}`)
  }
}

/** The messages of an event stream (HTML standard, 9.2.6). */
async function* eventsIn(stream: AsyncIterable<string>): AsyncGenerator<StreamedEvent> {
  let rest = ''
  let id = ''
  for await (const part of stream) {
    const messages = (rest + part).split('\n\n')
    rest = messages.pop()!
    for (const message of messages) {
      const fields = message.split('\n').map((line) => /^(\w+): ?(.*)$/.exec(line))
      const all = (name: string) => fields.flatMap((field) => (field?.[1] === name ? [field[2]!] : []))
      id = all('id').at(-1) ?? id
      const data = all('data')
      if (data.length > 0) yield { id, type: all('event').at(-1) ?? 'message', data: data.join('\n') }
    }
  }
}
