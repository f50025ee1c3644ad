import type { NamedPart } from './named-part.ts'

/**
 * A session with its id as the application knows it, and where clients show that. For memory only: whoever has the id can
 * take over the session, so it belongs into no log and no file.
 */
export interface KnownId {
  /** Its id in the session table. */
  readonly high: number
  readonly low: number
  /** One character for each byte. */
  readonly value: string
  readonly place: NamedPart
}
