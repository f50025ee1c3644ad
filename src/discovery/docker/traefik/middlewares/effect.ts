import type { InvalidValue } from '../../../../config/error.ts'
import type { Label } from '../../label-mistakes.ts'

/** Settings, as the file has them. */
export type Settings = Readonly<Record<string, unknown>>

/** What a middleware does to a route. */
export interface Effect {
  /** In order. */
  readonly filters: readonly Settings[]
  /** The largest body of a request, in bytes. Absent: the middleware says none. */
  readonly bodyLimit?: number
  readonly retries?: Settings
  /** The one of the filters that sends all requests without TLS to https. */
  readonly toHttps?: Settings
  /** Labels that are not used, although the route is served, and why. */
  readonly unused: readonly Unused[]
}

export interface Unused {
  readonly label: Label
  readonly message: string
  readonly hint: string
}

export function filtering(...filters: readonly Settings[]): Effect {
  return { filters, unused: [] }
}

/** A value that is not valid: Traefik serves no router with such a middleware either. */
export class UnusableOption extends Error {
  readonly label: Label
  readonly error: InvalidValue

  constructor(label: Label, error: InvalidValue) {
    super(error.message)
    this.label = label
    this.error = error
  }
}
