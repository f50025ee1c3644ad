/** The response of a server to each request. */
export interface Answer {
  /** The name of the server. It stays the same after a restart. */
  readonly server: string
  /** The id of the process. */
  readonly instance: string
  /** Whether an earlier try of the same visit reached the server: its response was lost on the way to the user. */
  readonly isRepeated: boolean
}

/** The application's own session cookie. */
export const SESSION_COOKIE = 'sid'

/** The header with the name of the user: a possible key for a consistent hash. */
export const USER_HEADER = 'x-user'
/** The headers with the number of the visit and the number of the try, both from 1. */
export const VISIT_HEADER = 'x-visit'
export const TRY_HEADER = 'x-try'
