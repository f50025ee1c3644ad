import { now } from '../runtime/clock.ts'
import type { Listener } from '../runtime/snapshot.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import { OccasionalNotice, OccasionalNotices } from './occasional-notice.ts'

/** Where a worker reports what happens. What may happen with every request is reported now and then, with how often it did. */
export class Notices {
  readonly report: (event: WorkerEvent) => void
  readonly #refusals = new OccasionalNotice()
  readonly #shortages = new OccasionalNotices()
  readonly #ownCookies = new OccasionalNotices()
  readonly #schemes = new OccasionalNotice()

  constructor(report: (event: WorkerEvent) => void) {
    this.report = report
  }

  /** This process or machine ran short of something (shortage.ts). */
  shortage(code: string): void {
    const count = this.#shortages.due(code, now())
    if (count > 0) this.report({ type: 'shortage', code, count })
  }

  /** A connection was closed because its client could not be identified. */
  connectionRefused(listener: Listener, address: string, cause: string): void {
    const count = this.#refusals.due(now())
    if (count > 0) this.report({ type: 'connection-refused', listener, address, cause, count })
  }

  /** A server has set a cookie whose name is Limpet's own. */
  ownCookieSet(upstream: string, server: string, cookie: string): void {
    if (this.#ownCookies.due(cookie, now()) > 0) this.report({ type: 'own-cookie-set', upstream, server, cookie })
  }

  /** A peer that is not trusted said that its client came by HTTPS. */
  schemeIgnored(address: string): void {
    const count = this.#schemes.due(now())
    if (count > 0) this.report({ type: 'scheme-ignored', address, count })
  }
}
