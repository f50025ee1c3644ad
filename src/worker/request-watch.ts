import type { ExchangeRecord } from '../observability/exchange-record.ts'
import { RateLimit } from '../runtime/rate-limit.ts'
import type { WatchedRequests } from './messages.ts'

/** Somebody who watches requests: which ones, and how many a second at most. */
export class RequestWatch {
  readonly settings: WatchedRequests
  readonly #limit: RateLimit

  constructor(settings: WatchedRequests) {
    this.settings = settings
    this.#limit = new RateLimit(settings.perSecond, Math.ceil(settings.perSecond / 2))
  }

  /**
   * Whether it gets that request, which then counts.
   *
   * @param target the request's as it may be shown: what is masked cannot be searched for
   */
  takes(record: ExchangeRecord, target: () => string, now: number): boolean {
    const { path } = this.settings
    if (!this.#limit.allows(now) || !this.#matches(record)) return false
    return (path === undefined || target().includes(path)) && this.#limit.take(now)
  }

  #matches({ request, status, upstream, server, reason }: ExchangeRecord): boolean {
    const wanted = this.settings
    return (
      (wanted.method === undefined || wanted.method === request.method) &&
      (wanted.status === undefined || isOfStatus(status, wanted.status)) &&
      (wanted.upstream === undefined || wanted.upstream === upstream?.name) &&
      (wanted.server === undefined || wanted.server === server?.name) &&
      (wanted.reason === undefined || isOfReason(reason, wanted.reason))
    )
  }
}

/** @param wanted a status, or a class such as `5xx` */
function isOfStatus(status: number, wanted: string): boolean {
  return wanted.endsWith('xx') ? Math.trunc(status / 100) === Number(wanted[0]) : status === Number(wanted)
}

/** @param wanted a reason, or what comes before its colon */
function isOfReason(reason: string | undefined, wanted: string): boolean {
  return reason === wanted || reason?.startsWith(`${wanted}:`) === true
}
