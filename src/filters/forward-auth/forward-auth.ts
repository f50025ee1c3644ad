import { createHmac, randomBytes } from 'node:crypto'
import { Failure } from '../../exchange/failure.ts'
import type { Filter, Verdict } from '../../exchange/filter.ts'
import type { FilteredRequest } from '../../exchange/filtered-request.ts'
import type { FilteredResponse } from '../../exchange/filtered-response.ts'
import { type OwnResponse, ownResponse } from '../../exchange/own-response.ts'
import { now } from '../../runtime/clock.ts'
import type { ForwardAuthSettings } from '../../runtime/filter-settings.ts'
import { BriefCache } from '../brief-cache.ts'
import { render } from '../template.ts'
import { type AuthAnswer, AuthClient, type Field, NoAnswer } from './auth-client.ts'
import { namedByConnection, questionAbout } from './question.ts'

/** How many answers are kept. */
const MOST_KEPT = 10_000

/** Of the connection to the service, or written anew for the client. */
const notPassed = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Lets requests through that an HTTP service allows. Without an answer, none gets through. */
export class ForwardAuth implements Filter {
  readonly name = 'forwardAuth'
  readonly #settings: ForwardAuthSettings
  readonly #client: AuthClient
  readonly #wanted: ReadonlySet<string> | undefined
  readonly #secret = randomBytes(32)
  /** The fields that servers get, by what the answer depended on. */
  readonly #granted = new BriefCache<readonly Field[]>(MOST_KEPT, now)
  readonly #asking = new Map<FilteredRequest, AbortController>()
  /** The cookies that the service gives to the clients of requests that have gone on. */
  readonly #cookies = new WeakMap<FilteredRequest, readonly string[]>()

  constructor(settings: ForwardAuthSettings) {
    this.#settings = settings
    this.#client = new AuthClient(settings.url, settings.timeout)
    this.#wanted = settings.headers && new Set(settings.headers.map(keyOf))
  }

  request(request: FilteredRequest): Verdict | Promise<Verdict> {
    const id = this.#idOf(request)
    const granted = id === undefined ? undefined : this.#granted.get(id)
    if (granted === undefined) return this.#ask(request, id)
    request.note(this.name, 'the service has let such a request through a short time ago')
    this.#copy(granted, request)
    return undefined
  }

  rehearse(request: FilteredRequest): 'open' {
    const { host } = new URL(this.#settings.url)
    request.note(this.name, `${host} decides, and is not asked now`)
    this.#copy([], request)
    return 'open'
  }

  response({ request, edits }: FilteredResponse): undefined {
    for (const cookie of this.#cookies.get(request) ?? []) edits.add('Set-Cookie', cookie)
    return undefined
  }

  /** A client that has left leaves the place of its question to others. */
  ended(request: FilteredRequest): void {
    this.#asking.get(request)?.abort()
  }

  close(): void {
    this.#client.close()
  }

  async #ask(request: FilteredRequest, id: string | undefined): Promise<Verdict> {
    try {
      const leaving = new AbortController()
      this.#asking.set(request, leaving)
      const answer = await this.#client.ask(questionAbout(request, this.#wanted), leaving)
      request.note(this.name, `the service answers ${answer.status}`)
      return answer.status >= 200 && answer.status < 300 ? this.#grant(answer, request, id) : refusalBy(answer, request)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      request.note(this.name, error.message)
      return new Failure('auth-unavailable', error.message)
    } finally {
      this.#asking.delete(request)
    }
  }

  #grant({ fields }: AuthAnswer, request: FilteredRequest, id: string | undefined): undefined {
    const { copy = [], cache } = this.#settings
    const wanted = new Set(copy.map(keyOf))
    const copied = fields.filter(([name]) => wanted.has(keyOf(name)))
    const cookies = fields.filter(([name]) => keyOf(name) === 'set-cookie').map(([, value]) => value)
    this.#copy(copied, request)
    if (cookies.length > 0) this.#cookies.set(request, cookies)
    // A cookie is for one client.
    else if (id !== undefined) this.#granted.set(id, copied, cache!.for)
    return undefined
  }

  /** What a client says of itself under these names never goes on. */
  #copy(fields: readonly Field[], { edits }: FilteredRequest): void {
    for (const name of this.#settings.copy ?? []) edits.remove(name)
    for (const [name, value] of fields) edits.add(name, value)
  }

  /**
   * Undefined for a request whose answer is not kept: where a variable is empty, such as the cookie of a session, the service may have gone by
   * something else. Services go by the method and by Authorization, whether or not they are named.
   */
  #idOf(request: FilteredRequest): string | undefined {
    const { cache } = this.#settings
    if (cache === undefined) return undefined
    const digest = createHmac('sha256', this.#secret)
    const own = [request.method, request.header('authorization') ?? '']
    for (const part of [...own, ...cache.by]) {
      const text = typeof part === 'string' ? part : render([part], request)
      if (typeof part !== 'string' && text === '') return undefined
      // With its length, so that no two requests look the same that are not.
      digest.update(`${text.length}:${text}`)
    }
    return digest.digest('base64')
  }
}

/** The service's answer, for the client. */
function refusalBy({ status, fields, body }: AuthAnswer, { received }: FilteredRequest): OwnResponse {
  const ofHop = namedByConnection(fields)
  const lines = fields
    .filter(([name]) => !notPassed.has(keyOf(name)) && !ofHop.has(name.toLowerCase()))
    .map(([name, value]) => `${name}: ${value}`)
  return ownResponse(status, lines, body, received)
}

function keyOf(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}
