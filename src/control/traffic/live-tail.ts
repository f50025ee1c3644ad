import type { RequestTail, TailedRequest } from '../../admin/request-tail.ts'
import { RateLimit } from '../../runtime/rate-limit.ts'
import type { RequestFilter } from '../../runtime/request-filter.ts'
import type { SampledRequest, WatchedRequests } from '../../worker/messages.ts'
import { labelOf } from '../slots/route-slots.ts'
import { hundredths } from './hundredths.ts'
import { type ShownRequest, ShownRequests } from './shown-requests.ts'

/** Somebody who watches. Each worker sends as many a second as one may get, since all may come from one. */
interface Watcher {
  readonly settings: WatchedRequests
  readonly limit: RateLimit
  notify(request: TailedRequest): void
}

/** The requests as they end: workers send samples of what is watched, and nothing otherwise. */
export class LiveTail implements RequestTail {
  readonly #watchRequests: (watches: readonly WatchedRequests[]) => void
  readonly #watchers = new Map<number, Watcher>()
  readonly #shown = new ShownRequests()
  #lastId = 0

  /** @param watchRequests has all workers send samples of these requests, and of no others */
  constructor(watchRequests: (watches: readonly WatchedRequests[]) => void) {
    this.#watchRequests = watchRequests
  }

  watch(filter: RequestFilter, perSecond: number, notify: (request: TailedRequest) => void): () => void {
    const id = ++this.#lastId
    this.#watchers.set(id, { settings: { ...filter, id, perSecond }, limit: new RateLimit(perSecond), notify })
    this.#askWorkers()
    return () => {
      if (this.#watchers.delete(id)) this.#askWorkers()
    }
  }

  /** Samples have come from a worker. */
  hear(requests: readonly SampledRequest[]): void {
    const now = performance.now()
    for (const request of requests) {
      const watchers = request.watches
        .map((id) => this.#watchers.get(id))
        .filter((watcher) => watcher?.limit.take(now) === true)
      if (watchers.length === 0) continue
      this.#shown.add(request)
      const tailed = tailedRequest(request)
      for (const watcher of watchers) watcher?.notify(tailed)
    }
  }

  /** A request that somebody was shown lately. */
  shown(id: string): ShownRequest | undefined {
    return this.#shown.get(id)
  }

  close(): void {
    this.#watchers.clear()
    this.#shown.clear()
  }

  #askWorkers(): void {
    this.#watchRequests(Array.from(this.#watchers.values(), ({ settings }) => settings))
  }
}

function tailedRequest(request: SampledRequest): TailedRequest {
  const { id, client, method, host, protocol, status, attempts, route } = request
  return {
    id,
    at: new Date(request.startedAt).toISOString(),
    client,
    method,
    host,
    path: request.target,
    protocol,
    status,
    bytes: request.bytesSent,
    ms: hundredths(request.ms),
    queued: hundredths(request.queued),
    route: route === undefined ? null : labelOf(route),
    upstream: request.upstream ?? null,
    server: request.server ?? null,
    attempts,
    reason: request.reason ?? null,
    failure: request.failure ?? null,
  }
}
