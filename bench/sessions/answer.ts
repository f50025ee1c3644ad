/** What a server says to each request. */
export interface Answer {
  /** Its name, which it keeps when it is started again. */
  readonly server: string
  /** This very process. */
  readonly instance: string
  /** An earlier try of the same visit was here: the user lost the answer to a request that had been sent on. */
  readonly isRepeated: boolean
}

/** The application's own session cookie. */
export const SESSION_COOKIE = 'sid'

/** Who asks: what a consistent hash may go by. */
export const USER_HEADER = 'x-user'
/** Which of the user's visits it is, and which try of it, both counted from 1. */
export const VISIT_HEADER = 'x-visit'
export const TRY_HEADER = 'x-try'
