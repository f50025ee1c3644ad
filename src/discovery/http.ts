import { setTimeout as wait } from 'node:timers/promises'
import { type HttpSource, placeOf } from '../config/sources/http.ts'
import { printable } from '../runtime/printable.ts'
import { eachDifferent } from './each-different.ts'
import { type Answer, HttpClient, Refused } from './http-client.ts'
import { isSameList } from './list-changes.ts'
import { pause } from './pause.ts'
import type { Provider, ServerList } from './provider.ts'
import { type ListedServers, readServerList, united } from './server-list.ts'

/** As for a file. In bytes. */
const LARGEST = 8 * 1024 * 1024
/** How long a server may hold a request back while it has no news, in s. */
const HELD = 30
/** How long an answer may take besides, in ms. */
const PATIENCE = 10_000
/** The least time between two requests that are held back, in ms: a server may have news all the time. */
const BREATH = 100

/** The list at a URL, by long polling (`Prefer: wait`, RFC 7240) where the server does that, else once an interval. */
export function httpProvider(source: HttpSource): Provider {
  const name = `http ${nameOf(source.url)}`
  return { name, watch: (signal) => eachDifferent(lists(source, signal), isSameList, signal) }
}

async function* lists(source: HttpSource, signal: AbortSignal): AsyncGenerator<ServerList, void> {
  const client = new HttpClient(source.tls)
  const name = nameOf(source.url)
  let listed: ListedServers | undefined
  let tag: string | undefined
  try {
    while (!signal.aborted) {
      const askedAt = performance.now()
      const answer = await ask(client, source, tag, signal)
      if (answer.status === 200) {
        tag = answer.headers.etag
        listed = readServerList(name, answer.body, listed)
        yield united([listed])
      }
      await next(source, answer, performance.now() - askedAt, tag !== undefined, signal)
    }
  } finally {
    client.close()
  }
}

/** @throws Error where the answer is neither a list nor that it is the same as before */
async function ask(
  client: HttpClient,
  { url: written, headers }: HttpSource,
  tag: string | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const { url, socketPath } = placeOf(written)
  const accept = 'application/json, application/yaml;q=0.9, */*;q=0.1'
  const news = tag === undefined ? {} : { 'if-none-match': tag, prefer: `wait=${HELD}` }
  try {
    return await client.ask(url, {
      signal,
      largest: LARGEST,
      patience: tag === undefined ? PATIENCE : HELD * 1000 + PATIENCE,
      headers: { accept, ...headers, ...news },
      ...(socketPath !== undefined && { options: { socketPath } }),
    })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const { status, headers: answered } = error
    if (status === 304 && tag !== undefined) return { status, headers: answered, body: '' }
    const { location } = answered
    if (location === undefined) throw error
    const elsewhere = printable(nameOf(location).slice(0, 300))
    throw new Error(`${nameOf(written)} redirects with ${status} to ${elsewhere} (write that as the url)`)
  }
}

/** Waits until the next request is due, as long as the last one took. */
async function next(
  { interval }: HttpSource,
  { status, headers }: Answer,
  took: number,
  hasTag: boolean,
  signal: AbortSignal,
): Promise<void> {
  const holds = /(?:^|,)\s*wait\b/i.test(String(headers['preference-applied'] ?? ''))
  const isHeld = hasTag && (holds || (status === 304 && took > interval))
  if (!isHeld) await pause(Math.max(interval - took, BREATH), signal)
  else if (took < BREATH) await wait(BREATH - took, undefined, { signal })
}

/** Without the query, which may have a key of an API. */
function nameOf(url: string): string {
  return url.replace(/\?.*$/s, '')
}
