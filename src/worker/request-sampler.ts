import type { ExchangeObserver, ExchangeRecord } from '../observability/exchange-record.ts'
import { now } from '../runtime/clock.ts'
import type { Route, Snapshot } from '../runtime/snapshot.ts'
import type { SampledRequest, WatchedRequests } from './messages.ts'
import { Outbox, type OutboxLimits } from './outbox.ts'
import { RequestWatch } from './request-watch.ts'
import { type ShownTarget, TargetMask } from './target-mask.ts'

/** Samples for which there is no room are left out. */
const LIMITS: OutboxLimits = { most: 200, after: 100, untaken: 2 }
/** A larger head is not sent, so that its request cannot be explained; in bytes. */
const LARGEST_HEAD = 16 * 1024
/** No text that a client chooses is longer: it goes to everybody who watches, and is kept for a while. In characters. */
const LONGEST_TEXT = 2048

const END_OF_HEAD = '\r\n\r\n'

/** Sends samples of the requests that end, as long as somebody watches. */
export class RequestSampler implements ExchangeObserver {
  readonly #outbox: Outbox<SampledRequest>
  #snapshot: Snapshot
  #watches: readonly RequestWatch[] = []
  #mask: TargetMask | undefined

  constructor(snapshot: Snapshot, send: (requests: readonly SampledRequest[]) => void) {
    this.#snapshot = snapshot
    this.#outbox = new Outbox(LIMITS, send)
  }

  apply(snapshot: Snapshot): void {
    this.#snapshot = snapshot
    this.#mask = undefined
  }

  /** Samples for these from now on, and for nobody else. */
  watch(wanted: readonly WatchedRequests[]): void {
    const known = new Map(this.#watches.map((watch) => [watch.settings.id, watch]))
    this.#watches = wanted.map((settings) => known.get(settings.id) ?? new RequestWatch(settings))
    if (wanted.length === 0) this.#outbox.clear()
  }

  /** One message has been taken. */
  taken(): void {
    this.#outbox.taken()
  }

  ended(record: ExchangeRecord): void {
    if (this.#watches.length === 0 || this.#outbox.isFull) return
    const time = now()
    let target: ShownTarget | undefined
    const shown = () => {
      this.#mask ??= new TargetMask(this.#snapshot)
      target ??= this.#mask.of(record)
      return target
    }
    const watches = this.#watches.filter((watch) => watch.takes(record, () => shown().text, time))
    if (watches.length > 0) this.#outbox.add(sampleOf(record, shown(), watches, time))
  }
}

function sampleOf(
  record: ExchangeRecord,
  { text, isMasked }: ShownTarget,
  watches: readonly RequestWatch[],
  time: number,
): SampledRequest {
  const { request, route, tls } = record
  return {
    watches: watches.map(({ settings }) => settings.id),
    id: request.id,
    startedAt: Date.now() - (time - record.startedAt),
    client: record.clientAddress,
    method: shortened(request.method),
    host: shortened(request.bytes.toString('latin1', request.authorityStart, request.authorityEnd)),
    target: shortened(text),
    isMasked,
    protocol: request.protocol,
    status: record.status,
    bytesSent: record.bytesSent,
    ms: time - record.startedAt,
    queued: record.queued,
    ...(route !== undefined && { route: withoutSettings(route) }),
    upstream: record.upstream?.name,
    server: record.server?.name,
    attempts: record.attempts,
    reason: record.reason,
    failure: record.failure,
    isSecure: record.isSecure,
    certificate: tls?.clientCertificate,
    head: headOf(record),
  }
}

/** What tells routes apart: lists of addresses in the settings of filters may be long. */
function withoutSettings({ filters: _, log: __, ...route }: Route): Route {
  return route
}

function shortened(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text
}

/** A copy of the request's head, in memory of its own; undefined if it was not understood, or is too large. */
function headOf({ request: { bytes, method, headStart, requestLineEnd } }: ExchangeRecord): Uint8Array | undefined {
  if (method === '') return undefined
  const end = bytes.indexOf(END_OF_HEAD, requestLineEnd) + END_OF_HEAD.length
  return end - headStart > LARGEST_HEAD ? undefined : new Uint8Array(bytes.subarray(headStart, end))
}
