import type { Route, RouteLog } from '../runtime/snapshot.ts'
import { Redaction } from './redaction.ts'

/** What is redacted in the URLs of each route: the parameters of all requests, and those of its own. */
export class RouteRedactions {
  readonly #names: readonly string[]
  /** That of all requests; undefined if nothing is redacted in them. */
  readonly #ofAll: Redaction | undefined
  readonly #ofRoutes = new WeakMap<RouteLog, Redaction>()

  /** @param names those of all requests */
  constructor(names: readonly string[]) {
    this.#names = names
    this.#ofAll = names.length > 0 ? redactionOf(names) : undefined
  }

  /** Undefined if nothing is redacted. */
  of(route: Route | undefined): Redaction | undefined {
    const log = route?.log
    if (log === undefined || log.redact.length === 0) return this.#ofAll
    const known = this.#ofRoutes.get(log)
    if (known !== undefined) return known
    const redaction = redactionOf([...this.#names, ...log.redact])
    this.#ofRoutes.set(log, redaction)
    return redaction
  }
}

function redactionOf(names: readonly string[]): Redaction {
  return new Redaction([...new Set(names)])
}
