import { setInterval as every } from 'node:timers/promises'
import { z } from 'zod'
import type { EtcdSource } from '../../config/sources/etcd.ts'
import { MAX_SERVERS } from '../../runtime/bounds.ts'
import { type HttpClient, Refused, urlBelow } from '../http-client.ts'
import { secretIn } from '../source-file.ts'
import type { EtcdEvent, EtcdState } from './etcd-keys.ts'

/** The code of gRPC for questions that nobody asks who is signed in. */
const UNAUTHENTICATED = 16

/** What happened since a revision is not known any more. */
export class Compacted extends Error {}

/** What a member says of changes is not what etcd would say. */
export class Unreadable extends Error {}

const Header = z.object({ revision: z.string().regex(/^\d+$/) })
const KeyValue = z.object({ key: z.base64(), value: z.exactOptional(z.base64()) })
const Range = z.object({ header: Header, kvs: z.array(KeyValue).default([]), more: z.boolean().default(false) })
const SignedIn = z.object({ token: z.string() })

const WatchLine = z.object({
  error: z.object({ message: z.string() }).optional(),
  result: z
    .object({
      header: Header.optional(),
      canceled: z.boolean().default(false),
      cancel_reason: z.string().optional(),
      compact_revision: z.string().default('0'),
      events: z.array(z.object({ type: z.enum(['DELETE', 'PUT']).default('PUT'), kv: KeyValue })).default([]),
    })
    .optional(),
})

/** One member of etcd, by its JSON gateway: keys and values are in base64, and 64-bit numbers are texts. */
export class EtcdMember {
  readonly #endpoint: string
  readonly #source: EtcdSource
  readonly #client: HttpClient
  #token: string | undefined

  constructor(endpoint: string, source: EtcdSource, client: HttpClient) {
    this.#endpoint = endpoint
    this.#source = source
    this.#client = client
  }

  /** All keys, as the majority of the members has them. */
  async all(signal: AbortSignal): Promise<EtcdState> {
    const { header, kvs, more } = await this.#ask({ ...this.#range(), limit: MAX_SERVERS }, signal)
    if (more)
      throw new Error(`more than ${MAX_SERVERS} keys begin with ${this.#source.prefix}: is the prefix too short?`)
    return { revision: BigInt(header.revision), events: kvs.map((kv) => eventOf(kv)) }
  }

  /**
   * What happens after a revision, until the member ends it.
   *
   * @param look how often the member is asked whether it still knows the truth, in ms
   * @throws Compacted
   * @throws Error also where the member has lost the others
   */
  async *changesAfter(revision: bigint, look: number, signal: AbortSignal): AsyncGenerator<EtcdState, void> {
    const ended = new AbortController()
    const lost = new AbortController()
    this.#keepLooking(look, AbortSignal.any([signal, ended.signal])).catch((error) => lost.abort(error))
    const url = urlBelow(this.#endpoint, '/v3/watch')
    const create = { ...this.#range(), start_revision: String(revision + 1n), progress_notify: true }
    const question = {
      method: 'POST',
      headers: this.#headers(),
      body: JSON.stringify({ create_request: create }),
      signal: AbortSignal.any([signal, lost.signal]),
    } as const
    try {
      for await (const lines of this.#client.lines(url, question)) {
        const results = lines.map(resultIn)
        const events = results.flatMap(({ events }) => events)
        const last = results.at(-1)?.header?.revision
        // One state for all that has arrived at once. The first result says only that the watch is there, and in which revision.
        if (events.length === 0) continue
        if (last === undefined) throw new Unreadable('expected the revision of each change, found none')
        yield { revision: BigInt(last), events: events.map(({ type, kv }) => eventOf(kv, type)) }
      }
      throw new Error(`${url.host} ended the watch`)
    } finally {
      ended.abort()
    }
  }

  /** @throws Error where the member does not answer, or has lost the others; at the end also the reason of the signal */
  async #keepLooking(look: number, signal: AbortSignal): Promise<void> {
    for await (const _ of every(look, undefined, { signal }))
      await this.#ask({ ...this.#range(), count_only: true }, signal)
  }

  /** Asks for keys. Signs in first where there is a user, and once more where etcd has forgotten it. */
  async #ask(question: object, signal: AbortSignal): Promise<z.output<typeof Range>> {
    const path = '/v3/kv/range'
    if (this.#token === undefined) await this.#signIn(signal)
    try {
      return await this.#send(Range, path, question, signal)
    } catch (error) {
      if (this.#source.user === undefined || !isUnauthenticated(error)) throw error
      await this.#signIn(signal)
      return this.#send(Range, path, question, signal)
    }
  }

  async #signIn(signal: AbortSignal): Promise<void> {
    const { user, password, passwordFile } = this.#source
    if (user === undefined) return
    this.#token = undefined
    const given = passwordFile === undefined ? password : secretIn(passwordFile)
    const { token } = await this.#send(SignedIn, '/v3/auth/authenticate', { name: user, password: given }, signal)
    this.#token = token
  }

  async #send<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    question: object,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    const url = urlBelow(this.#endpoint, path)
    try {
      const { body } = await this.#client.ask(url, {
        method: 'POST',
        headers: this.#headers(),
        body: JSON.stringify(question),
        signal,
      })
      return schema.parse(JSON.parse(body))
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new Error(`${url.host} answers ${path} with something else than JSON: is this etcd?`)
      if (error instanceof z.ZodError) throw new Error(`${url.host} answers ${path} with ${otherThanEtcd(error)}`)
      if (error instanceof Refused && error.status === 404)
        throw new Error(`${url.host} does not know ${path}: is this etcd 3.4 or later, with its gRPC gateway on?`)
      throw error
    }
  }

  #headers(): Record<string, string> {
    return { 'Content-Type': 'application/json', ...(this.#token !== undefined && { Authorization: this.#token }) }
  }

  #range() {
    const key = Buffer.from(this.#source.prefix)
    return { key: key.toString('base64'), range_end: endOf(key).toString('base64') }
  }
}

/**
 * What a line of a watch says.
 *
 * @throws Unreadable
 */
function resultIn(line: string) {
  const { result, error } = watchLineIn(line)
  if (result === undefined) throw new Error(`etcd refuses the watch: ${error?.message ?? line.slice(0, 200)}`)
  if (result.compact_revision !== '0') throw new Compacted('compacted')
  if (result.canceled) throw new Error(`etcd ended the watch: ${result.cancel_reason ?? 'without a reason'}`)
  return result
}

function watchLineIn(line: string): z.output<typeof WatchLine> {
  try {
    return WatchLine.parse(JSON.parse(line))
  } catch (error) {
    const place = error instanceof z.ZodError ? placeIn(error) : ''
    throw new Unreadable(`expected changes of keys, found ${JSON.stringify(line.slice(0, 200))}${place}`)
  }
}

function otherThanEtcd(error: z.ZodError): string {
  return `JSON that etcd would not answer${placeIn(error)}: is this etcd?`
}

function placeIn({ issues }: z.ZodError): string {
  const path = issues[0]!.path.join('.')
  return path === '' ? '' : `, at ${path}`
}

function isUnauthenticated(error: unknown): boolean {
  if (!(error instanceof Refused)) return false
  // The gateway does not always translate the code into that status.
  return (
    error.status === 401 ||
    error.says.includes(`"code":${UNAUTHENTICATED}`) ||
    error.says.includes('invalid auth token')
  )
}

function eventOf({ key, value = '' }: z.output<typeof KeyValue>, type: 'PUT' | 'DELETE' = 'PUT'): EtcdEvent {
  const text = (base64: string) => Buffer.from(base64, 'base64').toString()
  return { key: text(key), value: type === 'DELETE' ? undefined : text(value) }
}

/** The first key that does not begin with the prefix: `/app/` → `/app0`. */
function endOf(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  for (let last = end.length - 1; last >= 0; last--) {
    if (end[last]! === 0xff) continue
    end[last]! += 1
    return end.subarray(0, last + 1)
  }
  return Buffer.from([0])
}
