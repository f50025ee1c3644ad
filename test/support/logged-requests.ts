import assert from 'node:assert/strict'
import type { Scrape } from './scrape.ts'

/** What a line of the access log, in JSON, says. */
export interface LoggedRequest {
  readonly status: number
  readonly bytes: number
  readonly protocol?: string
  readonly upstreamName?: string
  readonly server: readonly string[]
  readonly reason?: string
  readonly queued?: number
}

/** Compares what the metrics count with what the access log says, series by series. */
export function assertSame(scrape: Scrape, lines: readonly LoggedRequest[]): void {
  const [counted, logged] = [countsIn(scrape), countsOf(lines)]
  assert.deepEqual(counted, logged)
}

/** What metrics count of requests, by a few words for each. */
export function countsIn(scrape: Scrape): Record<string, number> {
  const sums = new Sums()
  for (const { labels, value } of scrape.all('limpet_requests_total'))
    sums.add(`request ${labels.upstream} ${labels.server} ${labels.code} ${labels.protocol}`, value)
  for (const { labels, value } of scrape.all('limpet_attempts_total'))
    sums.add(`attempt ${labels.upstream} ${labels.server}`, value)
  for (const { labels, value } of scrape.all('limpet_decisions_total'))
    sums.add(`decision ${labels.upstream} ${labels.reason}`, value)
  for (const { labels, value } of scrape.all('limpet_request_duration_seconds_count'))
    sums.add(`duration ${labels.upstream}`, value)
  for (const { labels, value } of scrape.all('limpet_request_queue_seconds_count'))
    sums.add(`wait ${labels.upstream}`, value)
  for (const { labels, value } of scrape.all('limpet_retries_total')) sums.add(`retry ${labels.upstream}`, value)
  for (const { labels, value } of scrape.all('limpet_sent_bytes_total')) sums.add(`byte ${labels.upstream}`, value)
  return sums.sorted
}

/** The same of the lines of the access log. */
export function countsOf(lines: readonly LoggedRequest[]): Record<string, number> {
  const sums = new Sums()
  for (const { status, bytes, protocol = '', upstreamName = '', server, reason, queued } of lines) {
    const version = protocol.replace('HTTP/', '').replace('2.0', '2')
    sums.add(`request ${upstreamName} ${server.at(-1) ?? ''} ${Math.trunc(status / 100)}xx ${version}`, 1)
    for (const name of server) sums.add(`attempt ${upstreamName} ${name}`, 1)
    if (reason !== undefined) sums.add(`decision ${upstreamName} ${reason}`, 1)
    if (status !== 101) sums.add(`duration ${upstreamName}`, 1)
    if (queued !== undefined) sums.add(`wait ${upstreamName}`, 1)
    sums.add(`retry ${upstreamName}`, Math.max(0, server.length - 1))
    sums.add(`byte ${upstreamName}`, bytes)
  }
  return sums.sorted
}

class Sums {
  readonly #sums = new Map<string, number>()

  add(key: string, count: number): void {
    if (count > 0) this.#sums.set(key, (this.#sums.get(key) ?? 0) + count)
  }

  get sorted(): Record<string, number> {
    return Object.fromEntries([...this.#sums].sort(([one], [other]) => (one < other ? -1 : 1)))
  }
}
